// SPDX-License-Identifier: Apache-2.0
#include "gitea/renames.hpp"

namespace host {
namespace {

constexpr Duration kMemory = std::chrono::hours(24);
constexpr std::size_t kMost = 1000;  // more are followed, but not known here

}  // namespace

bool Renames::counts(const Rename& rename, MonotonicTime now) {
  return now - rename.seen < kMemory;
}

bool Renames::note(const RepoName& from, const RepoName& to, MonotonicTime now) {
  std::erase_if(by_old_name_, [&](const auto& each) { return !counts(each.second, now); });
  const auto known = by_old_name_.find(from.full());
  if (known == by_old_name_.end() && by_old_name_.size() >= kMost) return false;
  const bool news = known == by_old_name_.end() || known->second.to != to.full();
  by_old_name_[from.full()] = {to.full(), now};
  return news;
}

std::vector<std::string> Renames::old_names(std::string_view repo, MonotonicTime now) const {
  std::vector<std::string> names;
  for (const auto& [from, rename] : by_old_name_)
    if (same_name(rename.to, repo) && counts(rename, now)) names.push_back(from);
  return names;
}

std::vector<std::string> Renames::lines(MonotonicTime now) const {
  std::vector<std::string> lines;
  for (const auto& [from, rename] : by_old_name_)
    if (counts(rename, now)) lines.push_back(from + " is now " + rename.to);
  return lines;
}

}  // namespace host
