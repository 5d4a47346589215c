// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <timmy/plugin.hpp>

#include "cap_watch.hpp"
#include "exemptions.hpp"

namespace triage {

// The config's `stale`.
struct StaleTerms {
  std::chrono::seconds after{};
  std::chrono::seconds close_after{};  // the mark
  std::string label;
  bool pulls = false;
  Exemptions exempt;

  // Throws timmy::Permanent "bad_duration" naming the key.
  explicit StaleTerms(const timmy::Json& config);
};

// That an issue was marked, by us.
struct StaleMark {
  timmy::Time at;
  timmy::Time silence;  // since when it was silent then
};

enum class StaleStep { none, mark, unmark, close };
// Of what is open. Any activity after the mark takes it off, and a whole new period begins; so what
// we closed and a person opened again is never closed sooner.
[[nodiscard]] StaleStep next_step(timmy::Time now, timmy::Time activity,
                                  const std::optional<StaleMark>& mark, bool exempt,
                                  const StaleTerms& terms);

// One run of close_stale: marks what has been silent for long, and closes it where nobody answers.
[[nodiscard]] timmy::Json close_stale(timmy::Context& ctx, const Names& repos,
                                      const StaleTerms& terms, CapWatch watch);

}  // namespace triage
