// SPDX-License-Identifier: Apache-2.0
//
// The REST client of a Gitea from 1.22 or a Forgejo from 7 on.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "base/clock.hpp"
#include "gitea/gitea.hpp"

namespace host {

class HttpClient;
class Log;
class Loop;

struct GiteaOptions {
  std::string url;  // as configured; empty: every call fails with Error{usage}
  bool allow_plaintext = false;
  std::vector<std::filesystem::path> token_files;  // the first that exists counts; token.hpp
  Duration request_timeout = std::chrono::seconds(30);
  Duration call_limit = std::chrono::seconds(90);  // of one call with all its repetitions
  int attempts = 4;                                // of one read
  Duration backoff_base = std::chrono::milliseconds(500);
  Duration backoff_cap = std::chrono::seconds(10);
  // In a row: connection failures and 5xx; a 500 counts once for each object, see breaker.hpp.
  int breaker_failures = 5;
  Duration breaker_pause = std::chrono::seconds(5);  // doubles with each failed trial, with jitter
  Duration breaker_pause_cap = std::chrono::minutes(2);
  std::size_t in_flight = 4;     // requests at once to this server
  std::size_t queue_cap = 1000;  // requests waiting for their turn
  std::uint64_t seed = 0;        // of the jitter; 0: from the system
};

struct GiteaStats {
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;  // connection failures and 5xx
  std::uint64_t retries = 0;
  std::uint64_t breaker_opened = 0;
  std::uint64_t rate_limited = 0;
};

class GiteaClient final : public Gitea {
 public:
  // All outlive the client. Throws Error{usage} with the fix when the URL is not acceptable
  // (url.hpp). Reads no token and sends nothing before the first call. Destroying it drops calls
  // under way without a reply.
  GiteaClient(HttpClient& http, Loop& loop, Log log, GiteaOptions options);
  ~GiteaClient() override;

  // New settings, breaker and token; calls under way end on the old ones. Throws as the
  // constructor does, and then nothing has changed.
  void configure(GiteaOptions options);

  void whoami(Reply<User> reply) override;
  void version(Reply<std::string> reply) override;
  void scopes(Reply<TokenScopes> reply) override;
  void get_repo(RepoName repo, Reply<Repository> reply) override;
  void list_repos(std::string owner, Reply<std::vector<Repository>> reply) override;
  void list_my_repos(Reply<std::vector<Repository>> reply) override;
  void user_permission(RepoName repo, std::string login, Reply<Permission> reply) override;
  void list_branches(RepoName repo, Reply<std::vector<Branch>> reply) override;
  void get_branch(RepoName repo, std::string branch, Reply<Branch> reply) override;
  void delete_branch(RepoName repo, std::string branch, Reply<Done> reply) override;
  void list_teams(std::string organisation, Reply<std::vector<Team>> reply) override;
  void list_team_members(std::int64_t team, Reply<std::vector<std::string>> reply) override;
  void list_issues(RepoName repo, IssueFilter filter, Reply<std::vector<Issue>> reply) override;
  void get_issue(RepoName repo, std::int64_t number, Reply<Issue> reply) override;
  void set_issue_state(RepoName repo, std::int64_t number, bool open, Reply<Issue> reply) override;
  void edit_issue(RepoName repo, std::int64_t number, TextEdit edit, Reply<Issue> reply) override;
  void keep_issue(RepoName repo, std::string title, std::string body, std::string marker,
                  Reply<Issue> reply) override;
  void list_assignable(RepoName repo, Reply<std::vector<std::string>> reply) override;
  void add_assignees(RepoName repo, std::int64_t number, std::vector<std::string> logins,
                     Reply<Issue> reply) override;
  void remove_assignees(RepoName repo, std::int64_t number, std::vector<std::string> logins,
                        Reply<Issue> reply) override;
  void list_labels(RepoName repo, Reply<std::vector<Label>> reply) override;
  void list_organisation_labels(std::string organisation, Reply<std::vector<Label>> reply) override;
  void create_label(RepoName repo, NewLabel label, Reply<Label> reply) override;
  void add_labels(RepoName repo, std::int64_t number, std::vector<std::string> names,
                  Reply<std::vector<Label>> reply) override;
  void remove_label(RepoName repo, std::int64_t number, std::string name,
                    Reply<Done> reply) override;
  void list_comments(RepoName repo, std::int64_t number,
                     Reply<std::vector<Comment>> reply) override;
  void list_repo_comments(RepoName repo, WallTime since,
                          Reply<std::vector<Comment>> reply) override;
  void create_comment(RepoName repo, std::int64_t number, std::string body, std::string marker,
                      Reply<Comment> reply) override;
  void keep_comment(RepoName repo, std::int64_t number, std::string body, std::string marker,
                    Reply<Comment> reply) override;
  void list_prs(RepoName repo, PullFilter filter, Reply<std::vector<PullRequest>> reply) override;
  void get_pr(RepoName repo, std::int64_t number, Reply<PullRequest> reply) override;
  void list_pr_commits(RepoName repo, std::int64_t number,
                       Reply<std::vector<Commit>> reply) override;
  void list_pr_files(RepoName repo, std::int64_t number,
                     Reply<std::vector<ChangedFile>> reply) override;
  void find_pr(RepoName repo, std::string head, std::string base,
               Reply<std::optional<PullRequest>> reply) override;
  void create_pr(RepoName repo, NewPull pull, Reply<PullRequest> reply) override;
  void edit_pr(RepoName repo, std::int64_t number, TextEdit edit,
               Reply<PullRequest> reply) override;
  void set_pr_state(RepoName repo, std::int64_t number, bool open,
                    Reply<PullRequest> reply) override;
  void merge_pr(RepoName repo, std::int64_t number, MergeOrder order,
                Reply<PullRequest> reply) override;
  void list_reviews(RepoName repo, std::int64_t number, Reply<std::vector<Review>> reply) override;
  void create_review(RepoName repo, std::int64_t number, NewReview review, std::string marker,
                     Reply<Review> reply) override;
  void request_reviewers(RepoName repo, std::int64_t number, std::vector<std::string> logins,
                         Reply<PullRequest> reply) override;
  void combined_status(RepoName repo, std::string ref, Reply<CombinedStatus> reply) override;
  void set_status(RepoName repo, std::string sha, NewStatus status,
                  Reply<CommitStatus> reply) override;
  [[nodiscard]] bool available() const override;
  void set_available_handler(std::function<void(bool)> handler) override;
  void set_waiting(bool waiting) override;
  [[nodiscard]] bool authorised() const override;
  void set_renamed_handler(
      std::function<void(const RepoName& from, const RepoName& to)> handler) override;
  [[nodiscard]] GiteaStats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
