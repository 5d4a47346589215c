// SPDX-License-Identifier: Apache-2.0
#include "exemptions.hpp"

#include <algorithm>

#include "glob.hpp"

namespace triage {
namespace {

// The forge compares logins without case.
std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

bool any_covers(const Names& globs, const std::string& name) {
  return !name.empty() && std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return glob_matches(glob, name);
  });
}

bool any_covers(const Names& globs, const Names& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return any_covers(globs, name); });
}

Names lowered(Names names) {
  for (auto& name : names) name = lower(std::move(name));
  return names;
}

}  // namespace

Exemptions Exemptions::from(const timmy::Json& config) {
  Exemptions exempt;
  exempt.repos = config.value("repos", Names());
  exempt.labels = config.value("labels", Names());
  exempt.assignees = lowered(config.value("assignees", Names()));
  exempt.authors = lowered(config.value("authors", Names()));
  exempt.milestones = config.value("milestones", Names());
  return exempt;
}

bool Exemptions::cover_repo(const std::string& repo) const { return any_covers(repos, repo); }

template <class T>
bool Exemptions::covers(const T& issue) const {
  return any_covers(labels, issue.labels) || any_covers(assignees, lowered(issue.assignees)) ||
         any_covers(authors, lower(issue.user)) || any_covers(milestones, issue.milestone);
}

template bool Exemptions::covers(const timmy::Issue&) const;
template bool Exemptions::covers(const timmy::PullRequest&) const;

}  // namespace triage
