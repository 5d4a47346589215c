// SPDX-License-Identifier: Apache-2.0
#include "facts.hpp"

#include "scopes.hpp"

namespace triage {
namespace {

Names files_of(const std::vector<timmy::ChangedFile>& changed) {
  Names names;
  for (const auto& file : changed) {
    names.push_back(file.name);
    if (!file.previous_name.empty()) names.push_back(file.previous_name);
  }
  return names;
}

}  // namespace

Facts FactFinder::find(const Needs& needs, const Snapshot& issue) {
  Facts facts;
  for (const auto& name : needs.teams) facts.teams.try_emplace(name, team(name));
  for (const auto& rule : needs.turns) facts.turns.try_emplace(rule, turn(rule));
  if (may_clash(needs.added, issue.labels)) {
    Names in_play = needs.added;
    in_play.insert(in_play.end(), issue.labels.begin(), issue.labels.end());
    add_exclusive(issue.repo, in_play, facts);
  }
  if (!needs.files) return facts;
  try {
    facts.files = files_of(gitea_.list_pr_files(issue.repo, issue.number));
  } catch (const timmy::Permanent& failure) {
    facts.files_trouble = failure.what();
  }
  return facts;
}

void FactFinder::add_exclusive(const std::string& repo, const Names& labels, Facts& facts) {
  const auto* known = this->labels(repo);
  if (known != nullptr) facts.exclusive = known->exclusive;
  facts.unsure = unsure_among(labels, known);
  facts.exclusive.insert(facts.exclusive.end(), facts.unsure.begin(), facts.unsure.end());
}

const Facts::Team& FactFinder::team(const std::string& full_name) {
  const auto known = teams_.find(full_name);
  if (known != teams_.end()) return known->second;
  const auto slash = full_name.find('/');
  Facts::Team found;
  try {
    found.members =
        gitea_.list_team_members(full_name.substr(0, slash), full_name.substr(slash + 1));
  } catch (const timmy::Permanent& failure) {
    found.trouble = failure.what();
  } catch (const timmy::Retryable& failure) {
    if (failure.code() == "rate_limited") throw;  // of all that is asked of the forge
    found.trouble = failure.what();
    found.may_pass = true;
  }
  return teams_.emplace(full_name, std::move(found)).first->second;
}

const timmy::LabelNames* FactFinder::labels(const std::string& repo) {
  auto known = labels_.find(repo);
  if (known == labels_.end()) {
    std::optional<timmy::LabelNames> found;
    try {
      found = gitea_.list_usable_labels(repo);
    } catch (const timmy::Permanent&) {
      // Then none is known.
    }
    known = labels_.emplace(repo, std::move(found)).first;
  }
  return known->second ? &*known->second : nullptr;
}

const Turn& FactFinder::turn(const std::string& rule) {
  const auto known = cursors_.find(rule);
  if (known != cursors_.end()) return known->second;
  return cursors_.emplace(rule, turns_.get(rule)).first->second;
}

void FactFinder::set_turn(const std::string& rule, const Turn& turn) {
  turns_.set(rule, turn);
  cursors_.insert_or_assign(rule, turn);
}

}  // namespace triage
