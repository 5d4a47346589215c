// SPDX-License-Identifier: Apache-2.0
#include "cli/deadman_plugin.hpp"

#include "app/deadman_check.hpp"
#include "app/offline.hpp"
#include "base/result.hpp"
#include "plugins/grants.hpp"

namespace host::cli {
namespace {

constexpr const char* kPlugin = "deadman";

std::string to_be_granted(const std::string& grant, const std::string& watch) {
  return "add under plugins.deadman.grants in host.yaml: " + grant + ": [" + watch + "]";
}

}  // namespace

std::vector<std::string> plugin_shortcomings(const Session& session, const deadman::Watch& watch) {
  const auto loaded =
      attempt([&] { return load_or_default(session.config, session.host_name, session.paths); });
  if (!loaded.ok())
    return {"whether a running host looks at it can't be said: " +
            std::string(loaded.error().what())};
  const auto& config = loaded.value().config;
  const auto found = config.plugins.find(kPlugin);
  if (found == config.plugins.end() || !found->second.enabled)
    return {
        "only the plugin deadman looks at it, and that is off: set plugins.deadman.enabled to "
        "true in host.yaml"};
  const Grants grants(found->second.grants);
  std::vector<std::string> lines;
  if (!grants.permits("process.watch", watch.name))
    lines.push_back("the plugin deadman may not look at it: " +
                    to_be_granted("process.watch", watch.name));
  if (watch.restart && !grants.permits("process.restart", watch.name))
    lines.push_back("the plugin deadman may not have it restarted, so it would only be flagged: " +
                    to_be_granted("process.restart", watch.name));
  if (config.dry_run || found->second.dry_run)
    lines.emplace_back("the plugin deadman runs dry, by host.yaml, so nothing would be restarted");
  return lines;
}

std::vector<std::string> dispatch_shortcomings(const Session& session,
                                               const deadman::Watch& watch) {
  if (!watch.dispatch) return {};
  const auto lines = attempt([&] {
    const auto loaded = load_or_default(session.config, session.host_name, session.paths);
    return hand_over_shortcomings(loaded.config, session.paths, watch);
  });
  if (lines.ok()) return lines.value();
  return {"whether its work would go on in another lane can't be said: " +
          std::string(lines.error().what())};
}

}  // namespace host::cli
