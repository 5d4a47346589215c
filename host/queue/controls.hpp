// SPDX-License-Identifier: Apache-2.0
//
// What keeps jobs from being claimed although they are ready: pauses, which operators set, and rate
// limits, which count over restarts. Store thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "queue/job.hpp"
#include "store/unit.hpp"

namespace host {

// What is paused: nothing of it is claimed. What runs goes on.
struct Pauses {
  std::set<std::string, std::less<>> tasks;
  std::set<std::string, std::less<>> queues;
  bool operator==(const Pauses&) const = default;
};

enum class Pausable { task, queue };
[[nodiscard]] std::string_view name(Pausable kind) noexcept;

// False: it was so already.
bool set_paused(Unit& unit, Pausable kind, std::string_view name, bool paused, WallTime now);
[[nodiscard]] Pauses read_pauses(Unit& unit);

// How many runs the limit lets begin now, at most `wanted`.
struct Allowance {
  int runs = 0;
  std::optional<WallTime> again;  // when it lets one more; nullopt when it gave all that was wanted
};
// Exact, not a bucket: it counts the last `limit.runs` starts by their times. A start in the future
// (a clock was put back) counts as one of now, and is stored as that.
[[nodiscard]] Allowance allowance(Unit& unit, std::string_view task, const RateLimit& limit,
                                  int wanted, WallTime now);
// `runs` more have begun.
void note_starts(Unit& unit, std::string_view task, const RateLimit& limit, int runs, WallTime now);

}  // namespace host
