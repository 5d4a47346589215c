// SPDX-License-Identifier: Apache-2.0
#include "pass.hpp"

#include <algorithm>

namespace triage {

using timmy::Json;

void Pass::did(const std::string& word, const std::string& name) {
  constexpr std::size_t kListed = 100;
  count(word);
  if (changes_.size() < kListed) changes_.push_back({{"issue", name}, {"done", word}});
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
