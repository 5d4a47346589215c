// SPDX-License-Identifier: Apache-2.0
#include "repos.hpp"

#include <algorithm>
#include <map>

namespace triage {

bool glob_matches(std::string_view glob, std::string_view name) {
  std::size_t g = 0, n = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
    } else if (g < glob.size() && glob[g] == name[n]) {
      ++g, ++n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

bool is_named(const std::vector<std::string>& names, std::string_view repo) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return glob_matches(name, repo); });
}

std::set<std::string> expand(const timmy::Gitea& gitea, const std::vector<std::string>& names) {
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
      if (!repo.archived && repo.has_issues && glob_matches(name, repo.full_name))
        repos.insert(repo.full_name);
  }
  return repos;
}

}  // namespace triage
