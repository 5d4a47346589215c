// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <timmy/plugin.hpp>

#include "exemptions.hpp"
#include "policy.hpp"
#include "verdict.hpp"

namespace triage {

// Where what is ready is merged, and how.
struct MergeRule {
  Names repos;  // globs
  Names bases;  // globs of branches; empty: any
  bool when_ready = false;
  std::string style;
  bool delete_branch = false;

  explicit MergeRule(const timmy::Json& config);
};

// The config's `reviews`.
struct Reviewing {
  ReviewTerms terms;
  Policy policy;
  Exemptions exempt;
  std::string status;  // the context of our own; empty: none is set
  std::vector<MergeRule> merge;

  // Throws timmy::Permanent "bad_pattern".
  explicit Reviewing(const timmy::Json& config);

  // By the first rule that names the repository; nothing: it is not merged.
  [[nodiscard]] std::optional<timmy::MergeOrder> order_for(const std::string& repo,
                                                           const timmy::PullRequest& pull) const;
};

// One run of review_prs: judges each open pull request that is no draft by one look at it, says so
// in one comment, rejects by policy, merges where the config says so. Payload: {"repo", "number"},
// which an event brings, looks at that one, if it is still there; {"repo"} at that repository;
// {"event": "status", "repo", "ref"} at those there whose head is that commit. `now`: what looks
// are dated by; one that is older than 30 s, or not of what is there, is taken anew before anything
// is written.
[[nodiscard]] timmy::Json review_prs(timmy::Context& ctx, const Names& repos,
                                     const Reviewing& reviewing, const timmy::Json& payload,
                                     const std::function<timmy::Time()>& now);

}  // namespace triage
