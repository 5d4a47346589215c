// SPDX-License-Identifier: Apache-2.0
//
// A forge (Gitea or Forgejo) as the rest of the host sees it, and its REST client.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "gitea/types.hpp"

namespace host {

class HttpClient;
class Log;
class Loop;

// Loop thread only. Errors of every call:
//   unavailable   the server can't be reached, or its breaker is open: jobs wait at no cost
//   rate_limited  the server asked for a pause that is longer than a call may take
//   timed_out     it did not answer in time
//   denied        the token is missing, unreadable, refused, or lacks a scope or permission
//   not_found     no such object, or this token can't see it (the server does not tell them apart)
//   conflict      the object's state forbids it (archived, locked, gone stale)
//   invalid       the server refuses the values, or its reply is not what it should be
//   unsupported   this server has no such route
//   too_large     a reply, or a list, passed its cap
//   usage         no server is configured, or an argument makes no sense
// Reads are repeated, with back-off, inside the call. Writes return only what was read back or
// stated by the server as done; after a failure that leaves it open whether a write was applied,
// the client reads before it writes again.
class Gitea {
 public:
  virtual ~Gitea() = default;

  virtual void whoami(Reply<User> reply) = 0;
  // The server's own string. Needs no token.
  virtual void version(Reply<std::string> reply) = 0;
  virtual void get_repo(RepoName repo, Reply<Repository> reply) = 0;
  // What a user or an organisation owns, as far as the token sees it.
  virtual void list_repos(std::string owner, Reply<std::vector<Repository>> reply) = 0;
  // All of them, newest first, without pull requests; the filter is applied again to what comes.
  virtual void list_issues(RepoName repo, IssueFilter filter, Reply<std::vector<Issue>> reply) = 0;
  virtual void get_issue(RepoName repo, std::int64_t number, Reply<Issue> reply) = 0;
  // The repository's own; those of its organisation are not among them.
  virtual void list_labels(RepoName repo, Reply<std::vector<Label>> reply) = 0;
  // Hands over all labels that the issue carries then. A name that the server skipped, because it
  // exists neither in the repository nor in its organisation, is Error{not_found} naming it.
  virtual void add_labels(RepoName repo, std::int64_t number, std::vector<std::string> names,
                          Reply<std::vector<Label>> reply) = 0;
  // Fine if the issue does not carry it.
  virtual void remove_label(RepoName repo, std::int64_t number, std::string name,
                            Reply<Done> reply) = 0;
  // `marker` (a job's key) goes into an invisible line of the comment. If a comment of this user
  // with that marker is there already, it is handed over and none is written; so the same call may
  // be made again after any failure. Empty: no marker, and no second try either.
  virtual void create_comment(RepoName repo, std::int64_t number, std::string body,
                              std::string marker, Reply<Comment> reply) = 0;

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
};

struct GiteaOptions {
  std::string url;  // as configured; empty: every call fails with Error{usage}
  bool allow_plaintext = false;
  std::vector<std::filesystem::path> token_files;  // the first that exists counts; token.hpp
  Duration request_timeout = std::chrono::seconds(30);
  Duration call_limit = std::chrono::seconds(90);  // of one call with all its repetitions
  int attempts = 4;                                // of one read
  Duration backoff_base = std::chrono::milliseconds(500);
  Duration backoff_cap = std::chrono::seconds(10);
  int breaker_failures = 5;                          // in a row: connection failures and 5xx
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
  void get_repo(RepoName repo, Reply<Repository> reply) override;
  void list_repos(std::string owner, Reply<std::vector<Repository>> reply) override;
  void list_issues(RepoName repo, IssueFilter filter, Reply<std::vector<Issue>> reply) override;
  void get_issue(RepoName repo, std::int64_t number, Reply<Issue> reply) override;
  void list_labels(RepoName repo, Reply<std::vector<Label>> reply) override;
  void add_labels(RepoName repo, std::int64_t number, std::vector<std::string> names,
                  Reply<std::vector<Label>> reply) override;
  void remove_label(RepoName repo, std::int64_t number, std::string name,
                    Reply<Done> reply) override;
  void create_comment(RepoName repo, std::int64_t number, std::string body, std::string marker,
                      Reply<Comment> reply) override;
  [[nodiscard]] bool available() const override;
  void set_available_handler(std::function<void(bool)> handler) override;
  void set_waiting(bool waiting) override;
  [[nodiscard]] bool authorised() const override;
  [[nodiscard]] GiteaStats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
