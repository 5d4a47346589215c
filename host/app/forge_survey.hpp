// SPDX-License-Identifier: Apache-2.0
//
// What several repositories hold, read at once: the questions of timmy-host gitea.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/forge_select.hpp"
#include "gitea/gitea.hpp"

namespace host {

// How rows are ordered; what is equal, by repository and number.
enum class ForgeOrder {
  repo,    // by repository, then the newest first
  newest,  // by when it was made
  oldest,
  updated,  // the latest change first
  stale,    // the longest without a change first
};
// "repo", "newest" ... Throws Error{usage} naming them.
[[nodiscard]] ForgeOrder parse_order(const std::string& text);

struct ForgeQuery {
  std::vector<std::string> repos;  // as select_repos() takes them
  std::string owner;
  std::string state = "open";       // "open", "closed", "all"; of pull requests also "merged"
  std::vector<std::string> labels;  // what carries all of them, by exact name
  std::string author;               // login, without case; empty: any
  std::string assignee;             // likewise; "none": nobody
  ForgeOrder order = ForgeOrder::repo;
  std::size_t limit = 0;  // rows; 0: all
};

// A repository that can't be read is a failure and keeps no other from being read; rows come in an
// order that does not depend on who answered first.
template <class Row>
struct Survey {
  std::vector<RepoName> repos;  // that were read
  std::vector<Row> rows;        // at most as many as the limit says
  std::size_t left_out = 0;     // rows beyond it
  std::vector<ForgeFailure> failed;
};

struct IssueRow {
  RepoName repo;
  Issue issue;
};
struct IssueSurvey : Survey<IssueRow> {
  // Of all that fits the query, beyond the limit too.
  std::map<std::string, std::size_t> by_state, by_label, by_assignee;
  std::size_t unlabelled = 0;
  std::size_t unassigned = 0;
};

// Who says what of a pull request: the last word of each person, without comments and what was
// dismissed. Logins, sorted.
struct ReviewState {
  std::vector<std::string> approved;
  std::vector<std::string> changes_requested;
  std::vector<std::string> stale;  // of both, whose word is about an older head
};
[[nodiscard]] ReviewState review_state(const std::vector<Review>& reviews);

struct PullRow {
  RepoName repo;
  PullRequest pull;
  // Empty where they could not be read, which is among the failures.
  std::optional<CheckState> checks;
  std::optional<ReviewState> reviews;
};
struct PullSurvey : Survey<PullRow> {
  // "open", "merged", "closed": of all that fits the query, beyond the limit too.
  std::map<std::string, std::size_t> by_state;
};
[[nodiscard]] std::string_view state_of(const PullRequest& pull);  // as the counts have it

// One label's name among the repositories of an owner.
struct LabelRow {
  std::string owner;
  Label label;                   // as the organisation has it, else as most repositories do
  bool of_organisation = false;  // then no repository misses it
  std::size_t issues = 0;        // open, that carry it
  std::vector<std::string> in;   // names of repositories that have it as their own
  std::vector<std::string> missing_in;
  // By repository, where colour, description or exclusiveness are others.
  std::map<std::string, Label> differs_in;
};
struct LabelSurvey : Survey<LabelRow> {};

// Each reads with at most eight requests at once, throws Error{usage} on a query that makes no
// sense, and replies on the loop. Of the query, labels take repos, owner, labels (any of these
// names) and limit.
void survey_issues(Gitea& gitea, ForgeQuery query, std::function<void(IssueSurvey)> reply);
void survey_pulls(Gitea& gitea, ForgeQuery query, std::function<void(PullSurvey)> reply);
void survey_labels(Gitea& gitea, ForgeQuery query, std::function<void(LabelSurvey)> reply);

}  // namespace host
