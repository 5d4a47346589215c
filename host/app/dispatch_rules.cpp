// SPDX-License-Identifier: Apache-2.0
#include "app/dispatch_rules.hpp"

#include <algorithm>

#include "app/installation.hpp"
#include "dispatch/playbook_folder.hpp"

namespace host {

std::vector<std::filesystem::path> playbook_folders(const HostConfig& config, const Paths& paths) {
  std::vector<std::filesystem::path> folders{paths.playbooks()};
  folders.insert(folders.end(), config.playbook_dirs.begin(), config.playbook_dirs.end());
  folders.push_back(Installation::find().playbooks);
  return folders;
}

bool dispatches(const HostConfig& config) {
  return std::any_of(config.playbooks.begin(), config.playbooks.end(),
                     [](const auto& each) { return each.second.enabled; });
}

LoadedRules load_rules(const HostConfig& config, const Paths& paths) {
  const auto set = dispatch::load_playbooks(playbook_folders(config, paths));
  LoadedRules loaded;
  std::vector<dispatch::DispatchRules::Entry> entries;
  for (const auto& file : set.files) {
    const auto settings = config.playbooks.find(file.name);
    const bool on = settings != config.playbooks.end() && settings->second.enabled;
    if (file.usable())
      entries.push_back({std::make_shared<const dispatch::Playbook>(*file.playbook), on,
                         on ? settings->second.repositories : std::vector<std::string>{}});
    else if (on)
      loaded.faults.push_back("playbook " + file.name + ": " + file.problems.front().where + ": " +
                              file.problems.front().message);
  }
  for (const auto& [name, settings] : config.playbooks)
    if (settings.enabled && set.find(name) == nullptr)
      loaded.faults.push_back("there is no playbook " + name);
  for (const auto& problem : set.lanes.problems)
    loaded.faults.push_back(problem.where + ": " + problem.message);
  loaded.rules = std::make_shared<dispatch::DispatchRules>(
      std::move(entries), set.lanes.lanes.value_or(dispatch::Lanes{}));
  return loaded;
}

}  // namespace host
