// SPDX-License-Identifier: Apache-2.0
//
// What a schedule does about ticks that it missed and about runs that take longer than its period.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "base/clock.hpp"

namespace host {

// A tick is missed when it is found more than this late: the host was down, the machine slept, or
// the clock went forwards (by 3 h at most; more is a correction, and misses nothing).
inline constexpr Duration kMissedAfter = std::chrono::seconds(60);

// The longest `catchup_window` that a schedule may have.
inline constexpr Duration kLongestCatchupWindow = std::chrono::days(366);

// At most this many missed ticks of a schedule are made up at once: the newest.
inline constexpr std::size_t kCatchUpLimit = 100;

// The longest `jitter` that a schedule may have.
inline constexpr Duration kLongestJitter = std::chrono::hours(24);

// By how much a host runs a schedule later than its instants: anything in [0, jitter), always the
// same for the same host and task, so that periods stay even (systemd's FixedRandomDelay=) and a
// fleet, or a hundred schedules of one minute, don't all come at once.
[[nodiscard]] Duration schedule_delay(Duration jitter, std::string_view host,
                                      std::string_view task) noexcept;

enum class CatchUp {
  skip,    // missed ticks are not made up
  latest,  // of those within the window, the latest is
  all,     // each within the window is, oldest first, kCatchUpLimit at most
};
// "skip", "latest", "all". Static storage.
[[nodiscard]] std::string_view name(CatchUp policy) noexcept;
// Throws Error{invalid} naming the text and the choices.
[[nodiscard]] CatchUp parse_catch_up(std::string_view text);

// What happens at a tick while a job of an earlier tick has not ended, by Temporal's names. A job
// that waits for a retry has not ended.
enum class Overlap {
  skip,             // the tick makes no job
  buffer_one,       // one more job waits; further ticks make none
  buffer_all,       // every tick makes a job; they run one after another
  cancel_other,     // the earlier ones are cancelled: asked to stop, killed after their grace
  terminate_other,  // the earlier ones are cancelled, without a grace
  allow_all,        // every tick makes a job, running at once as far as the task's concurrency goes
};
// "skip", "buffer_one", ... Static storage.
[[nodiscard]] std::string_view name(Overlap policy) noexcept;
// Throws Error{invalid} naming the text and the choices.
[[nodiscard]] Overlap parse_overlap(std::string_view text);

}  // namespace host
