// SPDX-License-Identifier: Apache-2.0
#include "app/dispatch_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/installation.hpp"
#include "config/json_schema.hpp"

namespace host {
namespace {

std::shared_ptr<const dispatch::DispatchRules> rules_of(const HostConfig& config,
                                                        const dispatch::PlaybookSet& set) {
  std::vector<dispatch::DispatchRules::Entry> entries;
  for (const auto& file : set.files) {
    if (!file.usable()) continue;
    const auto& settings = settings_of(config, file.name);
    entries.push_back({std::make_shared<const dispatch::Playbook>(*file.playbook), settings.enabled,
                       settings.repositories});
  }
  return std::make_shared<dispatch::DispatchRules>(std::move(entries),
                                                   set.lanes.lanes.value_or(dispatch::Lanes{}));
}

}  // namespace

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

const PlaybookSettings& settings_of(const HostConfig& config, const std::string& name) {
  static const PlaybookSettings kOff;
  const auto found = config.playbooks.find(name);
  return found == config.playbooks.end() ? kOff : found->second;
}

std::string nearest_playbook(const std::string& name, const dispatch::PlaybookSet& set) {
  std::vector<std::string> names;
  for (const auto& file : set.files) names.push_back(file.name);
  const auto near = nearest(name, names);
  return near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near);
}

FoundPlaybooks find_playbooks(const HostConfig& config, const Paths& paths) {
  FoundPlaybooks found{.set = dispatch::load_playbooks(playbook_folders(config, paths)),
                       .missing = {}};
  for (const auto& folder : config.playbook_dirs)
    if (std::error_code ignored; !std::filesystem::is_directory(folder, ignored))
      found.set.warnings.push_back("playbook_dirs names " + folder.string() +
                                   ", which is no folder");
  for (const auto& [name, settings] : config.playbooks)
    if (found.set.find(name) == nullptr)
      found.missing.push_back({settings.where, "/playbooks/" + name,
                               fmt::format("playbooks.{} is no playbook that this host has{}", name,
                                           nearest_playbook(name, found.set))});
  return found;
}

std::vector<std::string> LoadedRules::fault_lines() const {
  std::vector<std::string> lines;
  for (const auto& fault : faults)
    lines.push_back(fault.where.empty() ? fault.message : fault.where + ": " + fault.message);
  return lines;
}

LoadedRules load_rules(const HostConfig& config, const Paths& paths) {
  auto found = find_playbooks(config, paths);
  LoadedRules loaded{.rules = rules_of(config, found.set), .faults = {}, .warnings = {}};
  if (!dispatches(config)) return loaded;
  loaded.faults = std::move(found.missing);
  loaded.warnings = std::move(found.set.warnings);
  const auto take = [&](const std::vector<Problem>& problems) {
    loaded.faults.insert(loaded.faults.end(), problems.begin(), problems.end());
  };
  take(found.set.lanes.problems);
  for (const auto& file : found.set.files)
    if (settings_of(config, file.name).enabled) take(file.problems);
  return loaded;
}

}  // namespace host
