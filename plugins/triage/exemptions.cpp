// SPDX-License-Identifier: Apache-2.0
#include "exemptions.hpp"

#include <algorithm>

#include "glob.hpp"

namespace triage {
namespace {

bool any_covers(const Names& globs, const std::string& name) {
  return !name.empty() && any_matches(globs, name);
}

bool any_covers(const Names& globs, const Names& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return any_covers(globs, name); });
}

Names all_lowered(Names names) {
  for (auto& name : names) name = lowered(std::move(name));
  return names;
}

}  // namespace

Exemptions Exemptions::from(const timmy::Json& config) {
  Exemptions exempt;
  exempt.repos = config.value("repos", Names());
  exempt.labels = config.value("labels", Names());
  exempt.assignees = all_lowered(config.value("assignees", Names()));
  exempt.authors = all_lowered(config.value("authors", Names()));
  exempt.milestones = config.value("milestones", Names());
  return exempt;
}

bool Exemptions::cover_repo(const std::string& repo) const { return covers_repo(repos, repo); }

template <class T>
bool Exemptions::covers(const T& issue) const {
  return any_covers(labels, issue.labels) || any_covers(assignees, all_lowered(issue.assignees)) ||
         any_covers(authors, lowered(issue.user)) || any_covers(milestones, issue.milestone);
}

template bool Exemptions::covers(const timmy::Issue&) const;
template bool Exemptions::covers(const timmy::PullRequest&) const;

}  // namespace triage
