// SPDX-License-Identifier: Apache-2.0
//
// Commits, branches and what a pull request makes of them: git in a few maps.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "forge/state.hpp"

namespace host::forge {
namespace {

using Files = std::map<std::string, std::string>;

// A commit and all before it.
std::set<std::string> history(const Repo& repo, const std::string& from) {
  std::set<std::string> behind;
  std::vector<std::string> open{from};
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    if (!repo.commits.contains(at) || !behind.insert(at).second) continue;
    for (const auto& parent : repo.commits.at(at).parents) open.push_back(parent);
  }
  return behind;
}

// The nearest commit that both have behind them; empty when there is none.
std::string merge_base(const Repo& repo, const std::string& one, const std::string& other) {
  const auto behind = history(repo, one);
  for (std::vector<std::string> layer{other}; !layer.empty();) {
    std::vector<std::string> next;
    for (const auto& at : layer) {
      if (behind.contains(at)) return at;
      for (const auto& parent : repo.commits.at(at).parents) next.push_back(parent);
    }
    layer = std::move(next);
  }
  return {};
}

Files files_of(const Repo& repo, const std::string& hash) {
  const auto at = repo.commits.find(hash);
  return at == repo.commits.end() ? Files{} : at->second.files;
}

std::string content(const Files& files, const std::string& name) {
  const auto at = files.find(name);
  return at == files.end() ? std::string() : at->second;
}

}  // namespace

std::string ForgeState::store(Repo& repo, std::vector<std::string> parents, Files files) {
  // Looks like a hash and is one of its own; nobody checks more.
  const auto id = static_cast<std::uint64_t>(next_id());
  const auto hash = fmt::format("{:016x}{:024x}", id * 0x9e3779b97f4a7c15U, id);
  repo.commits[hash] = {std::move(parents), std::move(files)};
  return hash;
}

std::string ForgeState::add_commit(Repo& repo, const std::string& branch, std::string file,
                                   std::string content, const std::string& from) {
  const auto at = repo.branches.find(branch);
  const auto start = at != repo.branches.end() ? at->second
                     : from.empty()            ? std::string()
                                               : repo.branches.at(from);
  auto files = files_of(repo, start);
  files[std::move(file)] = std::move(content);
  std::vector<std::string> parents;
  if (!start.empty()) parents.push_back(start);
  const auto hash = store(repo, std::move(parents), std::move(files));
  repo.branches[branch] = hash;
  for (auto& [number, pull] : repo.pulls) {
    if (pull.head != branch || !pull.merged_as.empty()) continue;
    pull.last_head = hash;
    pull.checks = settings.checks;
    repo.issues.at(number).updated = now();
  }
  return hash;
}

Pull& ForgeState::add_pull(Repo& repo, std::string login, std::string title, std::string head,
                           std::string base) {
  Issue& issue = add_issue(repo, std::move(login), std::move(title));
  issue.pull = true;
  Pull& made = repo.pulls[issue.number];
  made.last_head = repo.branches.at(head);
  made.merge_base = merge_base(repo, repo.branches.at(base), made.last_head);
  made.head = std::move(head);
  made.base = std::move(base);
  made.checks = settings.checks;
  return made;
}

Team& ForgeState::add_team(std::string_view organisation, std::string name) {
  const auto id = next_id();
  return teams[id] = {id, std::string(organisation), std::move(name), {}};
}

std::string ForgeState::head_of(const Repo& repo, const Pull& pull) {
  const auto at = repo.branches.find(pull.head);
  return at == repo.branches.end() || !pull.merged_as.empty() ? pull.last_head : at->second;
}

std::vector<std::string> ForgeState::commits_of(const Repo& repo, const Pull& pull) {
  auto known = history(repo, pull.merge_base);
  std::vector<std::string> all{head_of(repo, pull)};
  if (!known.insert(all[0]).second) return {};
  for (std::size_t at = 0; at < all.size(); ++at)
    for (const auto& parent : repo.commits.at(all[at]).parents)
      if (known.insert(parent).second) all.push_back(parent);
  return all;
}

Files ForgeState::changed_files(const Repo& repo, const Pull& pull) {
  const auto before = files_of(repo, pull.merge_base);
  Files changed;
  for (const auto& [name, text] : files_of(repo, head_of(repo, pull)))
    if (content(before, name) != text) changed[name] = text;
  return changed;
}

std::optional<Files> ForgeState::merged_files(const Repo& repo, const Pull& pull) {
  const auto before = files_of(repo, pull.merge_base);
  const auto at = repo.branches.find(pull.base);
  auto files = files_of(repo, at == repo.branches.end() ? "" : at->second);
  for (const auto& [name, text] : changed_files(repo, pull)) {
    const auto theirs = content(files, name);
    if (theirs != content(before, name) && theirs != text) return std::nullopt;
    files[name] = text;
  }
  return files;
}

}  // namespace host::forge
