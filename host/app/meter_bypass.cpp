// SPDX-License-Identifier: Apache-2.0
#include "app/meter_bypass.hpp"

#include <fmt/format.h>

#include <iterator>

#include "http/url.hpp"
#include "plugins/grants.hpp"

namespace host {
namespace {

// A credential is granted as NAME@host:port, wherever it goes.
bool sends_key(const Grants& grants, const std::string& credential) {
  for (const auto& glob : grants.values("http.credential"))
    if (glob == "*" || glob_matches(glob.substr(0, glob.find('@')), credential)) return true;
  return false;
}

std::vector<std::string> bypasses_of(const std::string& id, const PluginSettings& plugin,
                                     const ModelSettings& model) {
  std::vector<std::string> lines;
  const Grants grants(plugin.grants);
  for (const auto& [name, route] : model.routes) {
    const auto server = parse_url(route.url).authority();
    if (grants.permits("http", server))
      lines.push_back(fmt::format(
          "{}: {} may ask {} by itself (grant `http`), where model route \"{}\" leads: no budget "
          "holds for that; grant it `model: [{}]` instead",
          plugin.where, id, server, name, name));
    if (!route.credential.empty() && sends_key(grants, route.credential))
      lines.push_back(fmt::format(
          "{}: {} may have the key of model route \"{}\" sent (grant `http.credential`): no "
          "budget holds for what is asked with it; grant it `model: [{}]` instead",
          plugin.where, id, name, name));
  }
  return lines;
}

}  // namespace

std::vector<std::string> meter_bypasses(const HostConfig& config) {
  std::vector<std::string> lines;
  for (const auto& [id, plugin] : config.plugins) {
    if (!plugin.enabled) continue;
    auto more = bypasses_of(id, plugin, config.model);
    lines.insert(lines.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
  }
  return lines;
}

std::vector<std::string> meter_bypasses(const dispatch::DispatchRules& rules) {
  std::vector<std::string> lines;
  for (const auto& entry : rules.entries()) {
    const auto& playbook = *entry.playbook;
    if (!entry.enabled || playbook.network != dispatch::Network::open) continue;
    lines.push_back(fmt::format(
        "{}: the runs of playbook {} may reach models without the meter (`network: open`): no "
        "budget holds for that, limits.tokens neither; leave it at `network: meter-only`, or turn "
        "the playbook off",
        playbook.document.position("/network"), playbook.name));
  }
  return lines;
}

bool may_bypass_meter(const HostConfig& config, const std::string& plugin) {
  const auto settings = config.plugins.find(plugin);
  return settings != config.plugins.end() &&
         !bypasses_of(plugin, settings->second, config.model).empty();
}

}  // namespace host
