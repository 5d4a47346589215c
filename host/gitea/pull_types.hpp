// SPDX-License-Identifier: Apache-2.0
//
// Pull requests and what belongs to them, as far as this host reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "gitea/types.hpp"

namespace host {

// One of the two branches of a pull request.
struct PullEnd {
  std::string branch;  // stays known after the branch is deleted; "refs/..." when it never had one
  std::string sha;
  std::string repo;  // full name; empty when the repository is gone
};

struct PullRequest {
  std::int64_t number = 0;
  std::int64_t id = 0;  // of the server
  std::string title;
  std::string body;
  std::string state;  // "open", "closed"; a merged one is closed
  std::string user;   // login
  std::vector<Label> labels;
  std::vector<std::string> assignees;            // logins
  std::vector<std::string> requested_reviewers;  // logins
  bool draft = false;                            // by a prefix of its title
  bool merged = false;
  // False also while the server has not looked yet, and for a draft: true is an answer, false not.
  bool mergeable = false;
  std::string merge_commit_sha;  // of a merged one
  PullEnd base;
  PullEnd head;
  std::string html_url;
  std::int64_t comments = 0;
  std::optional<WallTime> created_at;
  std::optional<WallTime> updated_at;
  std::string milestone;  // title; empty: none
  bool body_cut = false;  // `body` is only how it begins: see PullFilter::body_limit
};

struct PullFilter {
  std::string state = "open";  // "open", "closed", "all"
  std::string base;            // branch; empty: any
  std::string head;            // branch of the repository itself; empty: any
  std::optional<WallTime>
      since;  // updated at or after; compared here, the server has no such filter
  std::optional<std::size_t> body_limit;  // as of an IssueFilter
};

struct NewPull {
  std::string head;  // branch, or "user:branch" of a fork
  std::string base;
  std::string title;
  std::string body;
};

struct ChangedFile {
  std::string name;
  std::string previous_name;  // of a renamed one
  std::string status;         // "added", "changed", "deleted", "renamed" ...
  std::int64_t additions = 0;
  std::int64_t deletions = 0;
};

// Who a commit says it is of; nobody checked.
struct Signature {
  std::string name;
  std::string email;
};

struct Commit {
  std::string sha;
  std::string message;
  Signature author;
  Signature committer;
};

struct MergeOrder {
  std::string style = "merge";  // see require_merge_style()
  std::string title;            // of the commit; empty: the server's
  std::string message;          // likewise
  bool delete_branch = false;
  // The head that was looked at: with another one nothing is merged. Empty: whatever it is now.
  std::string head_sha;
  // The branch that it was to be merged into when it was looked at. Likewise, but the server does
  // not compare it: see Gitea::merge_pr().
  std::string base;
};

// Throws Error{usage} unless it is "merge", "rebase", "rebase-merge", "squash" or
// "fast-forward-only".
void require_merge_style(std::string_view style);

enum class ReviewEvent { approve, request_changes, comment };

struct NewReview {
  ReviewEvent event = ReviewEvent::comment;
  std::string body;  // may be empty only with approve
  // The head that was looked at; with another one the server calls the review stale.
  std::string commit_sha;
};

struct Review {
  std::int64_t id = 0;
  std::string user;   // login; empty for a review that was asked of a team
  std::string state;  // "APPROVED", "REQUEST_CHANGES", "COMMENT", "PENDING", "REQUEST_REVIEW"
  std::string body;
  std::string commit_sha;
  // By somebody whose word counts, as the branch's protection or, without one, the right to write
  // decides.
  bool official = false;
  bool stale = false;  // the head moved after it
  bool dismissed = false;
  std::string html_url;
  std::optional<WallTime> submitted_at;
};

enum class CheckState { none, pending, success, failure };
[[nodiscard]] std::string_view name(CheckState state);

struct CommitStatus {
  std::int64_t id = 0;
  std::string context;
  std::string state;  // "pending", "success", "error", "failure", "warning", "skipped"
  std::string description;
  std::string target_url;
};

// The newest status of each context, and what they come to: any error, failure or warning is a
// failure; else any pending is pending; else success. The server's own sum covers one page.
struct CombinedStatus {
  CheckState state = CheckState::none;
  std::vector<CommitStatus> statuses;
};
[[nodiscard]] CheckState sum_of(const std::vector<CommitStatus>& statuses);

struct NewStatus {
  std::string context;
  std::string state;  // as in CommitStatus
  std::string description;
  std::string target_url;
};

}  // namespace host
