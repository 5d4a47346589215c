// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <timmy/services.hpp>
#include <vector>

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
  // How long the checks of what is to be merged have to stay as they are, where none is named that
  // has to be there: more may come.
  std::chrono::seconds settle{};

  // Throws timmy::Permanent "bad_pattern" or "bad_duration".
  explicit Reviewing(const timmy::Json& config);

  // By the first rule that names the repository; nothing: it is not merged.
  [[nodiscard]] std::optional<timmy::MergeOrder> order_for(const std::string& repo,
                                                           const timmy::PullRequest& pull) const;
};

}  // namespace triage
