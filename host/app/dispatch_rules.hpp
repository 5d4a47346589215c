// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "dispatch/dispatcher_rules.hpp"
#include "dispatch/playbook_folder.hpp"

namespace host {

// One's own folder, those of host.yaml, those that came with the host: the first counts.
[[nodiscard]] std::vector<std::filesystem::path> playbook_folders(const HostConfig& config,
                                                                  const Paths& paths);

// Whether host.yaml turns any playbook on here.
[[nodiscard]] bool dispatches(const HostConfig& config);

// host.yaml's settings of a playbook; those of one that is off where it has none.
[[nodiscard]] const PlaybookSettings& settings_of(const HostConfig& config,
                                                  const std::string& name);

// The folders as they are read now.
struct FoundPlaybooks {
  dispatch::PlaybookSet set;     // with warnings of host.yaml's folders
  std::vector<Problem> missing;  // what host.yaml names and no folder has
};
// Never throws for what stands in them.
[[nodiscard]] FoundPlaybooks find_playbooks(const HostConfig& config, const Paths& paths);

// "; did you mean ...?", or nothing.
[[nodiscard]] std::string nearest_playbook(const std::string& name,
                                           const dispatch::PlaybookSet& set);

// What the dispatcher goes by.
struct LoadedRules {
  std::shared_ptr<const dispatch::DispatchRules> rules;
  // What is wrong with the playbooks that host.yaml turns on here, and with the lanes; of a host
  // that turns none on, nothing.
  std::vector<Problem> faults;
  std::vector<std::string> warnings;

  // The faults, a line each, for people.
  [[nodiscard]] std::vector<std::string> fault_lines() const;
};
// Never throws for what stands in the folders.
[[nodiscard]] LoadedRules load_rules(const HostConfig& config, const Paths& paths);

}  // namespace host
