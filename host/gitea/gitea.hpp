// SPDX-License-Identifier: Apache-2.0
//
// A forge (Gitea or Forgejo) as the rest of the host sees it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "gitea/pull_types.hpp"
#include "gitea/types.hpp"

namespace host {

// Loop thread only. Errors of every call:
//   unavailable   the server can't be reached, or its breaker is open: jobs wait at no cost
//   rate_limited  the server asked for a pause that is longer than a call may take
//   timed_out     it did not answer in time
//   denied        the token is missing, unreadable, refused, or lacks a scope or permission
//   not_found     no such object, or this token can't see it (the server does not tell them apart)
//   conflict      the object's state forbids it (archived, locked, gone stale, not mergeable)
//   invalid       the server refuses the values, or its reply is not what it should be
//   unsupported   this server has no such route
//   too_large     a reply, or a list, passed its cap; or the owner's quota is used up
//   usage         no server is configured, or an argument makes no sense
// Reads are repeated, with back-off, inside the call. Writes return only what was read back or
// stated by the server as done; after a failure that leaves it open whether a write was applied,
// the client reads before it writes again. So every write may be called again after any failure,
// and does nothing where what it is to bring about is there already; what differs is said there.
// A repository that was renamed is found under its old name; set_renamed_handler() tells.
class Gitea {
 public:
  virtual ~Gitea() = default;

  // The server.

  virtual void whoami(Reply<User> reply) = 0;
  // The server's own string. Needs no token.
  virtual void version(Reply<std::string> reply) = 0;
  // What the token may be used for. Asks a server that does not tell with requests that can change
  // nothing, since what they name can't exist.
  virtual void scopes(Reply<TokenScopes> reply) = 0;

  // Repositories.

  virtual void get_repo(RepoName repo, Reply<Repository> reply) = 0;
  // What a user or an organisation owns, as far as the token sees it.
  virtual void list_repos(std::string owner, Reply<std::vector<Repository>> reply) = 0;
  // What the token's user owns or works in, alone or by an organisation. Not what anybody may read.
  virtual void list_my_repos(Reply<std::vector<Repository>> reply) = 0;
  // Of a person who is not the token's user: denied unless that one administers the repository.
  virtual void user_permission(RepoName repo, std::string login, Reply<Permission> reply) = 0;
  virtual void list_branches(RepoName repo, Reply<std::vector<Branch>> reply) = 0;
  virtual void get_branch(RepoName repo, std::string branch, Reply<Branch> reply) = 0;
  // Fine if it isn't there.
  virtual void delete_branch(RepoName repo, std::string branch, Reply<Done> reply) = 0;

  // Organisations. Denied unless the token's user is a member.

  // Those that the token's user may see.
  virtual void list_teams(std::string organisation, Reply<std::vector<Team>> reply) = 0;
  // Logins.
  virtual void list_team_members(std::int64_t team, Reply<std::vector<std::string>> reply) = 0;

  // Issues. What takes an issue's number takes a pull request's too.

  // All of them, newest first, without pull requests; the filter is applied again to what comes.
  virtual void list_issues(RepoName repo, IssueFilter filter, Reply<std::vector<Issue>> reply) = 0;
  virtual void get_issue(RepoName repo, std::int64_t number, Reply<Issue> reply) = 0;
  // Closes or opens it. conflict: open dependencies keep it from being closed.
  virtual void set_issue_state(RepoName repo, std::int64_t number, bool open,
                               Reply<Issue> reply) = 0;
  virtual void edit_issue(RepoName repo, std::int64_t number, TextEdit edit,
                          Reply<Issue> reply) = 0;
  // One issue kept up to date: the open one of this user that carries the marker has that title and
  // body then; where there is none it is made. `marker` is not empty. May be called again after any
  // failure.
  virtual void keep_issue(RepoName repo, std::string title, std::string body, std::string marker,
                          Reply<Issue> reply) = 0;
  // Logins of whom issues can be assigned to.
  virtual void list_assignable(RepoName repo, Reply<std::vector<std::string>> reply) = 0;
  // Adds to who is assigned, takes from them. Somebody who can't be assigned is not_found, named,
  // and then nobody is added. Without case, as the server compares logins.
  virtual void add_assignees(RepoName repo, std::int64_t number, std::vector<std::string> logins,
                             Reply<Issue> reply) = 0;
  virtual void remove_assignees(RepoName repo, std::int64_t number, std::vector<std::string> logins,
                                Reply<Issue> reply) = 0;

  // Labels.

  // The repository's own; those of its organisation are not among them.
  virtual void list_labels(RepoName repo, Reply<std::vector<Label>> reply) = 0;
  // Those that all repositories of an organisation have besides. not_found: it is a user.
  virtual void list_organisation_labels(std::string organisation,
                                        Reply<std::vector<Label>> reply) = 0;
  // Hands over the one that has the name already, whatever its colour, if there is one.
  virtual void create_label(RepoName repo, NewLabel label, Reply<Label> reply) = 0;
  // Hands over all labels that the issue carries then. A name that the server skipped, because it
  // exists neither in the repository nor in its organisation, is Error{not_found} naming it.
  virtual void add_labels(RepoName repo, std::int64_t number, std::vector<std::string> names,
                          Reply<std::vector<Label>> reply) = 0;
  // Fine if the issue does not carry it.
  virtual void remove_label(RepoName repo, std::int64_t number, std::string name,
                            Reply<Done> reply) = 0;

  // Comments.

  virtual void list_comments(RepoName repo, std::int64_t number,
                             Reply<std::vector<Comment>> reply) = 0;
  // Of all issues and pull requests, written or edited at or after `since`; oldest first.
  virtual void list_repo_comments(RepoName repo, WallTime since,
                                  Reply<std::vector<Comment>> reply) = 0;
  // `marker` (a job's key) goes into an invisible line of the comment. If a comment of this user
  // with that marker is there already, it is handed over and none is written; so the same call may
  // be made again after any failure. Empty: no marker, and no second try either.
  virtual void create_comment(RepoName repo, std::int64_t number, std::string body,
                              std::string marker, Reply<Comment> reply) = 0;
  // One comment kept up to date: what carries the marker says `body` then. `marker` is not empty.
  virtual void keep_comment(RepoName repo, std::int64_t number, std::string body,
                            std::string marker, Reply<Comment> reply) = 0;

  // Pull requests.

  // Oldest first.
  virtual void list_prs(RepoName repo, PullFilter filter,
                        Reply<std::vector<PullRequest>> reply) = 0;
  virtual void get_pr(RepoName repo, std::int64_t number, Reply<PullRequest> reply) = 0;
  virtual void list_pr_files(RepoName repo, std::int64_t number,
                             Reply<std::vector<ChangedFile>> reply) = 0;
  // Those that it would add to its base; newest first.
  virtual void list_pr_commits(RepoName repo, std::int64_t number,
                               Reply<std::vector<Commit>> reply) = 0;
  // The open one from `head` (a branch of the repository, or "user:branch" of a fork) to `base`.
  virtual void find_pr(RepoName repo, std::string head, std::string base,
                       Reply<std::optional<PullRequest>> reply) = 0;
  // Hands over the open one from head to base if there is one, as it is; two never stay open.
  // not_found: one of the branches is missing, or the repository.
  virtual void create_pr(RepoName repo, NewPull pull, Reply<PullRequest> reply) = 0;
  virtual void edit_pr(RepoName repo, std::int64_t number, TextEdit edit,
                       Reply<PullRequest> reply) = 0;
  // Closes or opens it. conflict: it is merged.
  virtual void set_pr_state(RepoName repo, std::int64_t number, bool open,
                            Reply<PullRequest> reply) = 0;
  // Hands it over merged. Fine if it is merged already. conflict, with what the server says:
  // closed, draft, conflicts, another head or base, checks or approvals missing, only scheduled; or
  // merged, but into a base that it was given between the last look and the order.
  // Waits up to 30 s for the server to have found out whether it can be merged.
  virtual void merge_pr(RepoName repo, std::int64_t number, MergeOrder order,
                        Reply<PullRequest> reply) = 0;

  // Reviews.

  // Oldest first.
  virtual void list_reviews(RepoName repo, std::int64_t number,
                            Reply<std::vector<Review>> reply) = 0;
  // Marker: as with create_comment(); not empty. invalid: the pull request is one's own, or closed;
  // then only comments are taken.
  virtual void create_review(RepoName repo, std::int64_t number, NewReview review,
                             std::string marker, Reply<Review> reply) = 0;
  // Logins. Hands over the pull request as it is then.
  virtual void request_reviewers(RepoName repo, std::int64_t number,
                                 std::vector<std::string> logins, Reply<PullRequest> reply) = 0;

  // Statuses of a commit.

  // `ref`: a commit's hash, a branch or a tag.
  virtual void combined_status(RepoName repo, std::string ref, Reply<CombinedStatus> reply) = 0;
  // Writes none where the newest of that context says the same.
  virtual void set_status(RepoName repo, std::string sha, NewStatus status,
                          Reply<CommitStatus> reply) = 0;

  // Whether calls are let through: false while the breaker is open or the server asked for a pause
  // that no call waits out. True without a configured server: then calls fail with a clear error.
  [[nodiscard]] virtual bool available() const = 0;
  // Called on the loop whenever available() changes. One handler.
  virtual void set_available_handler(std::function<void(bool)> handler) = 0;
  // Somebody holds work back until the server is available again: only then, while it is not, does
  // a timer try it. Without that the next call after a while is the trial.
  virtual void set_waiting(bool waiting) = 0;

  // False from the moment the server refuses the token until it takes one. For readiness.
  [[nodiscard]] virtual bool authorised() const = 0;

  // Called on the loop when a call was sent on from a repository's old name to its new one, before
  // that call's reply. One handler.
  virtual void set_renamed_handler(
      std::function<void(const RepoName& from, const RepoName& to)> handler) = 0;
};

}  // namespace host
