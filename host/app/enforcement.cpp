// SPDX-License-Identifier: Apache-2.0
#include "app/enforcement.hpp"

#include "base/result.hpp"
#include "workers/pool.hpp"

namespace host {
namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

}  // namespace

CageReport look_at_cage(const std::filesystem::path& worker) {
  auto cage = attempt([&] { return probe_cage(worker); });
  if (cage.ok()) return std::move(cage).value();
  CageReport none;
  none.layers = {{"all", false, cage.error().message()}};
  return none;
}

std::string_view layer_of(std::string_view grant) {
  return grant == "fs.read" || grant == "fs.write" ? "landlock" : "host";
}

bool in_force(std::string_view grant, const CageReport& cage) {
  const auto layer = layer_of(grant);
  return layer == "host" || cage.in_force(layer);
}

Json needs_json(const PluginEntry& entry, const CageReport& cage) {
  Json rows = Json::array();
  if (!entry.manifest) return rows;
  for (const auto& need : entry.manifest->needs)
    rows.push_back({{"grant", need.grant},
                    {"required", need.required},
                    {"why", need.why},
                    {"suggested", need.values},
                    {"granted", entry.grants.values(need.grant)},
                    {"enforced_by", layer_of(need.grant)},
                    {"in_force", in_force(need.grant, cage)}});
  return rows;
}

Json in_force_json(const PluginEntry& entry, const CageReport& cage) {
  Json rows = Json::object();
  const Json granted = entry.grants.json();
  for (const auto& [grant, values] : granted.items())
    rows[grant] = {
        {"values", values}, {"enforced_by", layer_of(grant)}, {"in_force", in_force(grant, cage)}};
  return rows;
}

Json cage_json(const CageReport& cage) { return cage.json()["layers"]; }

std::string enforcement_text(const PluginEntry& entry, const CageReport& cage) {
  std::string asked, granted;
  if (entry.manifest)
    for (const auto& need : entry.manifest->needs)
      asked +=
          (asked.empty() ? "asks for " : ", ") + need.grant + (need.required ? "" : " (optional)");
  const Json values = entry.grants.json();
  for (const auto& [grant, globs] : values.items()) {
    const std::string layer = layer_of(grant) == "host" ? "by the host" : "by Landlock";
    granted += (granted.empty() ? "granted " : "; ") + grant + ": " +
               joined(entry.grants.values(grant)) +
               (in_force(grant, cage) ? " (" + layer + ")" : " (NOT in force: no Landlock here)");
  }
  if (asked.empty()) return granted;
  return asked + "; " + (granted.empty() ? "granted nothing" : granted);
}

}  // namespace host
