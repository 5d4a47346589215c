// SPDX-License-Identifier: Apache-2.0
//
// What the surveys of issues and of pull requests share. Private to app/'s surveys.
#pragma once

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "app/forge_survey.hpp"

namespace host {

// By labels, author and assignee; the state is looked at by who knows what states there are.
template <class Thing>
[[nodiscard]] bool fits(const ForgeQuery& query, const Thing& thing) {
  const auto& people = thing.assignees;
  const auto carries = [&](const std::string& name) {
    return std::any_of(thing.labels.begin(), thing.labels.end(),
                       [&](const Label& label) { return label.name == name; });
  };
  if (!std::all_of(query.labels.begin(), query.labels.end(), carries)) return false;
  if (!query.author.empty() && !same_name(query.author, thing.user)) return false;
  if (query.assignee.empty()) return true;
  if (query.assignee == "none") return people.empty();
  return std::any_of(people.begin(), people.end(),
                     [&](const std::string& login) { return same_name(query.assignee, login); });
}

// Whether `a` comes before `b`; each of a repository and a thing with number and times.
template <class Thing>
[[nodiscard]] bool before(ForgeOrder order, const RepoName& a_repo, const Thing& a,
                          const RepoName& b_repo, const Thing& b) {
  const auto by = [&](const auto& first, const auto& second) {
    return std::tie(first, a_repo, b.number) < std::tie(second, b_repo, a.number);
  };
  switch (order) {
    case ForgeOrder::repo: break;
    case ForgeOrder::newest: return by(b.created_at, a.created_at);
    case ForgeOrder::oldest: return by(a.created_at, b.created_at);
    case ForgeOrder::updated: return by(b.updated_at, a.updated_at);
    case ForgeOrder::stale: return by(a.updated_at, b.updated_at);
  }
  return std::tie(a_repo, b.number) < std::tie(b_repo, a.number);
}

// Throws Error{usage} unless `state` is one of them.
void check_state(const std::string& state, const std::vector<std::string>& known);

// Repositories and failures by name, whoever answered first.
template <class Row>
void order(Survey<Row>& survey) {
  std::sort(survey.repos.begin(), survey.repos.end());
  std::stable_sort(survey.failed.begin(), survey.failed.end(),
                   [](const auto& a, const auto& b) { return a.what < b.what; });
}

// Cuts what is beyond the limit, and counts it.
template <class Row>
void cut(Survey<Row>& survey, std::size_t limit) {
  if (limit == 0 || survey.rows.size() <= limit) return;
  survey.left_out = survey.rows.size() - limit;
  survey.rows.resize(limit);
}

}  // namespace host
