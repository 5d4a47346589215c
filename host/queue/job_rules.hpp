// SPDX-License-Identifier: Apache-2.0
//
// Two rules that every file with SQL of jobs keeps. For queue/ only.
#pragma once

#include <chrono>

#include "base/clock.hpp"

namespace host {

// What one step of priority is worth in waiting, so that low ones don't starve: the claim's order
// is `rank` = due + priority * this.
inline constexpr Duration kPriorityStep = std::chrono::minutes(10);

[[nodiscard]] inline WallTime rank_of(WallTime due, int priority) {
  return due + priority * kPriorityStep;
}

// A job that waits again gives up its unique key if another one has taken it meanwhile.
#define KEEP_UNIQUE_KEY                                             \
  "unique_key = CASE WHEN unique_key IS NULL OR NOT EXISTS("        \
  "SELECT 1 FROM jobs AS other WHERE other.task = jobs.task "       \
  "AND other.unique_key = jobs.unique_key AND other.id <> jobs.id " \
  "AND other.state IN ('scheduled','available','retryable')) THEN unique_key END"

}  // namespace host
