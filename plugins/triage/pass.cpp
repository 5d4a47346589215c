// SPDX-License-Identifier: Apache-2.0
#include "pass.hpp"

#include <algorithm>
#include <set>

#include "glob.hpp"

namespace triage {

using timmy::Json;

Names repos_of(const timmy::Gitea& gitea, const Names& names, const char* what) {
  std::set<std::string> repos;
  std::map<std::string, std::vector<timmy::Repository>> of_owner;
  for (const auto& name : names) {
    if (name.find('*') == std::string::npos) {
      repos.insert(name);
      continue;
    }
    const std::string owner = name.substr(0, name.find('/'));
    auto [known, unknown] = of_owner.try_emplace(owner);
    if (unknown) known->second = gitea.list_repos(owner);
    for (const auto& repo : known->second)
      if (!repo.archived && repo.raw.value(what, true) && glob_matches(name, repo.full_name))
        repos.insert(repo.full_name);
  }
  return {repos.begin(), repos.end()};
}

void Pass::did(const std::string& word, const std::string& name) {
  constexpr std::size_t kListed = 100;
  count(word);
  if (changes_.size() < kListed) changes_.push_back({{"issue", name}, {"done", word}});
}

// The host's other "too_large" is of one list or reply, and no reason to stop.
bool Pass::is_cap(const timmy::Permanent& failure) {
  return failure.code() == "too_large" &&
         std::string_view(failure.what()).find("limits.mutations") != std::string_view::npos;
}

void Pass::sort(std::vector<Due>& due) {
  std::stable_sort(due.begin(), due.end(),
                   [](const Due& a, const Due& b) { return a.since < b.since; });
}

Json Pass::result() const {
  Json all{{"repos", repos_}, {"read", read_}, {"left", left_}, {"changes", changes_}};
  for (const auto& [word, count] : counts_) all[word] = count;
  if (failures_.empty()) return all;
  std::string text = std::to_string(failures_.size()) + " failed";
  for (const auto& [word, count] : counts_) text += ", " + std::to_string(count) + " " + word;
  if (left_ > 0) text += ", " + std::to_string(left_) + " left for the next run";
  for (const auto& failure : failures_) text += "; " + failure;
  throw timmy::Permanent("incomplete", text);
}

Json not_configured(const std::string& key) {
  return {{"configured", false},
          {"why", "the config of triage has no \"" + key + "\": nothing was read or done"}};
}

}  // namespace triage
