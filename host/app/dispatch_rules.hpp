// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "dispatch/dispatcher_rules.hpp"

namespace host {

// One's own folder, those of host.yaml, those that came with the host: the first counts.
[[nodiscard]] std::vector<std::filesystem::path> playbook_folders(const HostConfig& config,
                                                                  const Paths& paths);

// Whether host.yaml turns any playbook on here.
[[nodiscard]] bool dispatches(const HostConfig& config);

// What the dispatcher goes by.
struct LoadedRules {
  std::shared_ptr<const dispatch::DispatchRules> rules;
  std::vector<std::string> faults;  // why a playbook that is on does no work, a line each
};
// Reads the folders. Never throws for what stands in them.
[[nodiscard]] LoadedRules load_rules(const HostConfig& config, const Paths& paths);

}  // namespace host
