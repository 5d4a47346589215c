// SPDX-License-Identifier: Apache-2.0
#include "repos.hpp"

#include "glob.hpp"

namespace triage {

std::vector<timmy::PullRequest> open_prs(const timmy::Gitea& gitea, const std::string& repo) {
  return with_bodies_cut([&](int limit) { return gitea.list_prs(repo, {.body_limit = limit}); });
}

Repos repos_of(const timmy::Gitea& gitea, const Names& names) {
  Repos repos;
  std::map<std::string, std::vector<timmy::Repository>> of_owner;
  for (const auto& name : names) {
    if (name.find('*') == std::string::npos) {
      repos[name] = {};
      continue;
    }
    const std::string owner = name.substr(0, name.find('/'));
    auto [known, unknown] = of_owner.try_emplace(owner);
    if (unknown) known->second = gitea.list_repos(owner);
    for (const auto& repo : known->second)
      if (!repo.archived && covers_repo({name}, repo.full_name))
        repos.try_emplace(repo.full_name,
                          Has{repo.has_issues, repo.raw.value("has_pulls", true), repo.id});
  }
  return repos;
}

Names repos_with(const timmy::Gitea& gitea, const Names& names, bool Has::*what) {
  Names all;
  for (const auto& [name, holds] : repos_of(gitea, names))
    if (holds.*what) all.push_back(name);
  return all;
}

}  // namespace triage
