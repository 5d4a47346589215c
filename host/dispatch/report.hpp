// SPDX-License-Identifier: Apache-2.0
//
// The gate `report`: what becomes of work that passed. The texts are functions of facts, the same
// for the same facts, so that a report that was broken off may be made again: the pull request is
// found by its branches, the comment by its marker, and nothing stands there twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "dispatch/playbook.hpp"
#include "dispatch/verify.hpp"
#include "gitea/gitea.hpp"
#include "workspaces/mirror.hpp"

namespace host::dispatch {

// What a report tells.
struct ReportFacts {
  std::string run;         // the last attempt's name
  std::string repository;  // "owner/name"
  Issue issue;
  std::string lane;
  std::string agent;  // Agent::description()
  std::string base_branch;
  std::string branch;
  int attempts = 1;
  std::int64_t tokens = 0;        // of all attempts, as the ledger has them
  bool tokens_whole = true;       // false: some calls did not say, and were charged what was held
  std::vector<UsedModel> models;  // that its calls went to
  std::vector<std::string> subjects;  // of the agent's commits, oldest first; its words
  std::string report;                 // what the agent wrote; its words
  WorkVerdict verdict;
  bool bypassable = false;  // it could reach models past the meter
};

// Who the host is in a commit. No '<', '>' or control characters.
struct CommitIdentity {
  std::string name = "timmy-host";
  std::string address = "timmy-host@localhost";
};

// The message of the host's own commit: a subject, and trailers (git-interpret-trailers(1)):
// Timmy-Run, Timmy-Playbook, Timmy-Issue, Timmy-Agent, Timmy-Model, Timmy-Gates, Timmy-Tokens,
// Timmy-Verified. Nothing of the agent's words.
[[nodiscard]] std::string trailer_message(const Playbook& playbook, const ReportFacts& facts,
                                          const workspaces::ObjectId& verified);

// Makes that commit on top of `verified`, with the same tree, dated `at`, and keeps it under a ref
// of the mirror's. The agent's commits stay what was verified, each with its name. The same
// arguments make the same commit. Blocks; holds the mirror's lock. Throws Error.
[[nodiscard]] workspaces::ObjectId seal_work(const workspaces::Mirror& mirror,
                                             const workspaces::ObjectId& verified,
                                             const std::string& branch, const std::string& message,
                                             const CommitIdentity& identity, WallTime at);

// At most 255 bytes, as the forge takes it.
[[nodiscard]] std::string pull_title(const Playbook& playbook, const ReportFacts& facts);
// The playbook's template; behind it, where the template does not show them, the gates; then what a
// reviewer should look at, and where it comes from. At most kMostBody bytes.
[[nodiscard]] std::string pull_body(const Playbook& playbook, const ReportFacts& facts);
// What stands on the issue once there is a pull request.
[[nodiscard]] std::string pull_comment(const Playbook& playbook, const ReportFacts& facts,
                                       std::int64_t pull);
// The report of a playbook whose report is a comment.
[[nodiscard]] std::string report_comment(const Playbook& playbook, const ReportFacts& facts);
// What stands on the issue for work that did not pass, so that a person can go on. `reason`: the
// host's words; `kept`: where the work is, empty: nowhere.
[[nodiscard]] std::string failure_comment(const Playbook& playbook, const ReportFacts& facts,
                                          const std::string& reason, const std::string& kept);

// The key of the one comment that the host keeps on an issue for a playbook; for keep_comment().
[[nodiscard]] std::string comment_key(const Playbook& playbook, const std::string& repository,
                                      std::int64_t number);

inline constexpr std::size_t kMostBody = 60'000;

struct Posted {
  std::optional<PullRequest> pull;  // none with a comment
  Comment comment;
  std::vector<std::string> notes;  // what could not be done besides: a label that may not be made
};

// Opens the pull request (or finds it), with its labels and reviewers, and says so on the issue; or
// writes the comment. The branch has been pushed. May be called again after any failure, and finds
// what is there. Loop thread; `gitea` and `playbook` outlive the reply. A label that there is none
// of is made; that it can't be, or that somebody can't be asked for a review, is a note.
void post_report(Gitea& gitea, const Playbook& playbook, ReportFacts facts, Reply<Posted> reply);

}  // namespace host::dispatch
