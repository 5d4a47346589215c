// SPDX-License-Identifier: Apache-2.0
#include "repos.hpp"

#include "glob.hpp"

namespace triage {

std::map<std::string, Wanted> expand(const timmy::Gitea& gitea,
                                     const std::vector<std::string>& names, const Rules& rules) {
  std::map<std::string, Wanted> wanted;
  const auto add = [&](const std::string& name, bool issues, bool pulls) {
    const Wanted one{issues && rules.concern(name, Kind::issue),
                     pulls && rules.concern(name, Kind::pull)};
    if (one.issues || one.pulls) wanted.emplace(name, one);
  };
  std::map<std::string, std::vector<timmy::Repository>> of_owner;
  for (const auto& name : names) {
    if (name.find('*') == std::string::npos) {
      add(name, true, true);
      continue;
    }
    const std::string owner = name.substr(0, name.find('/'));
    auto [known, unknown] = of_owner.try_emplace(owner);
    if (unknown) known->second = gitea.list_repos(owner);
    for (const auto& repo : known->second)
      if (!repo.archived && glob_matches(name, repo.full_name))
        add(repo.full_name, repo.has_issues, repo.raw.value("has_pulls", true));
  }
  return wanted;
}

}  // namespace triage
