// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <timmy/plugin.hpp>

#include "cap_watch.hpp"
#include "exemptions.hpp"

namespace triage {

// The config's `orphans`.
struct OrphanTerms {
  std::chrono::seconds warn_after{};
  std::chrono::seconds reset_after{};  // the warning
  bool unassign = true;
  Names remove_labels;
  Exemptions exempt;

  // Throws timmy::Permanent "bad_duration" naming the key.
  explicit OrphanTerms(const timmy::Json& config);
};

// What was said of an issue's silence.
struct OrphanWarning {
  timmy::Time at;
  timmy::Time silence;  // since when it was silent then
  bool reset = false;   // and was acted upon
};

enum class OrphanStep { none, warn, reset };
// Of an issue that somebody is assigned to. Any activity after the warning makes it none: the clock
// starts anew.
[[nodiscard]] OrphanStep next_step(timmy::Time now, timmy::Time activity,
                                   const std::optional<OrphanWarning>& warning,
                                   const OrphanTerms& terms);

// Whether a text speaks of an issue of its own repository: "#12", not "#123" nor "other/app#12".
[[nodiscard]] bool mentions(const std::string& text, std::int64_t number);

// One run of orphan_work_cleanup: finds issues that are assigned while nobody does anything, warns,
// and a while later gives them back.
[[nodiscard]] timmy::Json clean_up_orphans(timmy::Context& ctx, const Names& repos,
                                           const OrphanTerms& terms, CapWatch watch);

}  // namespace triage
