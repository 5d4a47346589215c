// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_rules.hpp"

#include <algorithm>

#include "dispatch/selection.hpp"

namespace host::dispatch {

std::vector<std::string> DispatchRules::repositories() const {
  std::vector<std::string> all;
  for (const auto& entry : entries_) {
    if (!entry.enabled) continue;
    const auto& globs =
        entry.repositories.empty() ? entry.playbook->matching.repositories : entry.repositories;
    all.insert(all.end(), globs.begin(), globs.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

bool DispatchRules::watch(std::string_view repository) const {
  const auto globs = repositories();
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return repository_matches(glob, repository); });
}

bool DispatchRules::takes_pulls() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return entry.enabled && entry.playbook->matching.pulls;
  });
}

}  // namespace host::dispatch
