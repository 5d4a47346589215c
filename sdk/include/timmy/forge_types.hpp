// SPDX-License-Identifier: Apache-2.0
//
// What the forge holds, as timmy/gitea.hpp hands it over. `raw` is all that the host said. What the
// host leaves out is empty. from() reads the host's JSON; it throws Json::exception when what names
// the object is missing.
#pragma once

#include <timmy/job.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace timmy {

namespace detail {

[[nodiscard]] inline std::optional<Time> time_at(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end() || !at->is_string()) return std::nullopt;
  return parse_time(at->get<std::string>());
}

[[nodiscard]] inline std::vector<std::string> names_at(const Json& json, const char* key) {
  return json.value(key, std::vector<std::string>());
}

}  // namespace detail

struct User {
  std::int64_t id = 0;
  std::string login;
};

struct Repository {
  std::string full_name;  // "org/app"
  bool archived = false;
  bool has_issues = true;
  Json raw;
  // By which it is known whatever its name becomes; 0: the host does not say. Since SDK 1.1.
  std::int64_t id = 0;

  [[nodiscard]] static Repository from(Json json) {
    Repository repo;
    repo.full_name = json.at("full_name").get<std::string>();
    repo.archived = json.value("archived", false);
    repo.has_issues = json.value("has_issues", true);
    repo.id = json.value("id", std::int64_t{0});
    repo.raw = std::move(json);
    return repo;
  }
};

struct Issue {
  std::int64_t number = 0;
  std::string title;
  std::string body;
  std::string state;  // "open" or "closed"
  std::string user;   // the author's login
  std::vector<std::string> labels;
  std::optional<Time> updated_at;
  Json raw;
  std::vector<std::string> assignees;  // logins. Since SDK 1.1, as the rest
  std::optional<Time> created_at;
  std::int64_t comments = 0;  // how many
  std::string milestone;      // its title; empty: none
  bool body_cut = false;      // `body` is only how it begins: see IssueFilter::body_limit

  [[nodiscard]] static Issue from(Json json) {
    Issue issue;
    issue.number = json.at("number").get<std::int64_t>();
    issue.title = json.value("title", "");
    issue.body = json.value("body", "");
    issue.state = json.value("state", "");
    issue.user = json.value("user", "");
    issue.labels = detail::names_at(json, "labels");
    issue.assignees = detail::names_at(json, "assignees");
    issue.created_at = detail::time_at(json, "created_at");
    issue.updated_at = detail::time_at(json, "updated_at");
    issue.comments = json.value("comments", std::int64_t{0});
    issue.milestone = json.value("milestone", "");
    issue.body_cut = json.value("body_cut", false);
    issue.raw = std::move(json);
    return issue;
  }
};

struct IssueFilter {
  std::string state = "open";   // "open", "closed" or "all"
  std::optional<Time> since{};  // updated then or later; whole seconds
  // Bodies longer than so many bytes are cut. An answer is at most 16 MiB, and anybody may write
  // long ones. Since SDK 1.1.
  std::optional<int> body_limit{};
};

// Since SDK 1.1, as all below.
struct Label {
  std::string name;
  std::string color = "ededed";  // "rrggbb"
  std::string description{};
  bool exclusive = false;  // "scope/x" takes the place of every other exclusive "scope/..."

  [[nodiscard]] static Label from(const Json& json) {
    return {json.at("name").get<std::string>(), json.value("color", ""),
            json.value("description", ""), json.value("exclusive", false)};
  }
};

// What issues of a repository can carry, by name.
struct LabelNames {
  std::vector<std::string> all;
  std::vector<std::string> exclusive;  // those of them that are: see Label
  // Whether the organisation's are among them. False: the host's token may not read those (it lacks
  // the scope read:organization), so that others may exist, and be exclusive.
  bool complete = false;

  [[nodiscard]] static LabelNames from(const Json& json) {
    return {detail::names_at(json, "labels"), detail::names_at(json, "exclusive"),
            json.value("organisation", false)};
  }
};

struct Comment {
  std::int64_t id = 0;      // 0 in a dry run
  std::int64_t number = 0;  // of the issue or pull request
  std::string body;
  std::string user;  // login
  std::optional<Time> created_at;
  std::optional<Time> updated_at;
  Json raw;

  [[nodiscard]] static Comment from(Json json) {
    Comment comment;
    comment.id = json.at("id").get<std::int64_t>();
    comment.number = json.value("number", std::int64_t{0});
    comment.body = json.value("body", "");
    comment.user = json.value("user", "");
    comment.created_at = detail::time_at(json, "created_at");
    comment.updated_at = detail::time_at(json, "updated_at");
    comment.raw = std::move(json);
    return comment;
  }
};

struct Team {
  std::int64_t id = 0;
  std::string name;

  [[nodiscard]] static Team from(const Json& json) {
    return {json.value("id", std::int64_t{0}), json.at("name").get<std::string>()};
  }
};

// One of the two branches of a pull request.
struct PullEnd {
  std::string branch;
  std::string sha;
  std::string repo;  // full name; empty when the repository is gone

  [[nodiscard]] static PullEnd from(const Json& json) {
    return {json.value("branch", ""), json.value("sha", ""), json.value("repo", "")};
  }
};

struct PullRequest {
  std::int64_t number = 0;
  std::string title;
  std::string body;
  std::string state;  // "open" or "closed"; a merged one is closed
  std::string user;   // login
  std::vector<std::string> labels;
  std::vector<std::string> assignees;            // logins
  std::vector<std::string> requested_reviewers;  // logins
  bool draft = false;
  bool merged = false;
  bool mergeable = false;  // false also while the forge has not looked yet
  PullEnd base;
  PullEnd head;
  std::string milestone;  // its title; empty: none
  std::optional<Time> created_at;
  std::optional<Time> updated_at;
  Json raw;
  bool body_cut = false;  // `body` is only how it begins: see PullFilter::body_limit

  [[nodiscard]] static PullRequest from(Json json) {
    PullRequest pull;
    pull.number = json.at("number").get<std::int64_t>();
    pull.title = json.value("title", "");
    pull.body = json.value("body", "");
    pull.state = json.value("state", "");
    pull.user = json.value("user", "");
    pull.labels = detail::names_at(json, "labels");
    pull.assignees = detail::names_at(json, "assignees");
    pull.requested_reviewers = detail::names_at(json, "requested_reviewers");
    pull.draft = json.value("draft", false);
    pull.merged = json.value("merged", false);
    pull.mergeable = json.value("mergeable", false);
    pull.milestone = json.value("milestone", "");
    pull.base = PullEnd::from(json.at("base"));
    pull.head = PullEnd::from(json.at("head"));
    pull.created_at = detail::time_at(json, "created_at");
    pull.updated_at = detail::time_at(json, "updated_at");
    pull.body_cut = json.value("body_cut", false);
    pull.raw = std::move(json);
    return pull;
  }
};

struct PullFilter {
  std::string state = "open";       // "open", "closed" or "all"
  std::string base{};               // branch; empty: any
  std::string head{};               // branch of the repository itself; empty: any
  std::optional<Time> since{};      // updated then or later; whole seconds
  std::optional<int> body_limit{};  // as of an IssueFilter
};

struct ChangedFile {
  std::string name;
  std::string previous_name;  // of a renamed one
  std::string status;         // "added", "changed", "deleted", "renamed" ...
  std::int64_t additions = 0;
  std::int64_t deletions = 0;

  [[nodiscard]] static ChangedFile from(const Json& json) {
    return {json.at("name").get<std::string>(), json.value("previous_name", ""),
            json.value("status", ""), json.value("additions", std::int64_t{0}),
            json.value("deletions", std::int64_t{0})};
  }
};

// Who a commit says it is of; nobody has checked that.
struct Signature {
  std::string name;
  std::string email;

  [[nodiscard]] static Signature from(const Json& json) {
    return {json.value("name", ""), json.value("email", "")};
  }
};

struct Commit {
  std::string sha;
  std::string message;
  Signature author;
  Signature committer;

  [[nodiscard]] static Commit from(const Json& json) {
    return {json.at("sha").get<std::string>(), json.value("message", ""),
            Signature::from(json.value("author", Json::object())),
            Signature::from(json.value("committer", Json::object()))};
  }
};

struct MergeOrder {
  // "merge", "rebase", "rebase-merge", "squash", "fast-forward-only"
  std::string style = "merge";
  std::string head_sha{};  // the head that was looked at; with another one nothing is merged
  std::string title{};     // of the commit; empty: the forge's
  std::string message{};   // likewise
  bool delete_branch = false;
  // The branch that it was to go into. If it is another one by then, nothing is merged; if it is
  // changed in the moment between the host's look and its order, it is merged into that one, and
  // the call ends with Permanent "conflict" saying so.
  std::string base{};
};

enum class ReviewEvent { approve, request_changes, comment };

[[nodiscard]] inline const char* word(ReviewEvent event) {
  if (event == ReviewEvent::approve) return "approve";
  return event == ReviewEvent::comment ? "comment" : "request_changes";
}

struct NewReview {
  ReviewEvent event = ReviewEvent::comment;
  std::string body{};        // may be empty only with approve
  std::string commit_sha{};  // the head that was looked at; empty: whatever it is now
  std::string name{};        // tells several reviews of one job on one pull request apart
};

struct Review {
  std::int64_t id = 0;
  std::string user;   // login; empty for one that was asked of a team
  std::string state;  // "APPROVED", "REQUEST_CHANGES", "COMMENT", "PENDING", "REQUEST_REVIEW"
  std::string body;
  std::string commit_sha;
  bool official = false;  // by somebody whose word counts
  bool stale = false;     // the head moved after it
  bool dismissed = false;
  std::optional<Time> submitted_at;
  Json raw;

  [[nodiscard]] static Review from(Json json) {
    Review review;
    review.id = json.at("id").get<std::int64_t>();
    review.user = json.value("user", "");
    review.state = json.value("state", "");
    review.body = json.value("body", "");
    review.commit_sha = json.value("commit_sha", "");
    review.official = json.value("official", false);
    review.stale = json.value("stale", false);
    review.dismissed = json.value("dismissed", false);
    review.submitted_at = detail::time_at(json, "submitted_at");
    review.raw = std::move(json);
    return review;
  }
};

struct CommitStatus {
  std::string context;
  std::string state;  // "pending", "success", "error", "failure", "warning" or "skipped"
  std::string description{};
  std::string target_url{};

  [[nodiscard]] static CommitStatus from(const Json& json) {
    return {json.at("context").get<std::string>(), json.value("state", ""),
            json.value("description", ""), json.value("target_url", "")};
  }
};

// The newest status of each context, and what they come to.
struct CombinedStatus {
  std::string state;  // "none", "pending", "success" or "failure"
  std::vector<CommitStatus> statuses;

  [[nodiscard]] static CombinedStatus from(const Json& json) {
    CombinedStatus combined{json.at("state").get<std::string>(), {}};
    for (const auto& each : json.at("statuses"))
      combined.statuses.push_back(CommitStatus::from(each));
    return combined;
  }
};

}  // namespace timmy
