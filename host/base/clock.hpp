// SPDX-License-Identifier: Apache-2.0
//
// Time, from outside. Three questions, three clocks:
//   wall()      which instant is it for people and calendars; may be set, forwards or backwards
//   monotonic() how long did something take; stops while the machine is suspended
//   boot()      the same, but counts a suspend; against it a wall clock that was set shows itself
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace host {

using Duration = std::chrono::microseconds;

// Microseconds since the Unix epoch, UTC. Stored as such in every table.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// Microseconds of CLOCK_MONOTONIC. Means nothing outside this process's boot.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall() const = 0;
  [[nodiscard]] virtual MonotonicTime monotonic() const = 0;
  [[nodiscard]] virtual Duration boot() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override;
  [[nodiscard]] MonotonicTime monotonic() const override;
  [[nodiscard]] Duration boot() const override;
};

// Wall time that nobody can set: read once from the wall clock, then carried by CLOCK_BOOTTIME.
// The queue stores due times of back-off and delay in it, so that a clock that jumps neither
// expires nor hangs anything within one host's life. Thread-safe.
class Timeline {
 public:
  explicit Timeline(const Clock& clock) : clock_(&clock), offset_(clock.wall() - clock.boot()) {}
  [[nodiscard]] WallTime now() const { return offset_ + clock_->boot(); }
  // How far the wall clock has been set since this timeline began; positive: forwards.
  [[nodiscard]] Duration wall_shift() const { return clock_->wall() - now(); }

 private:
  const Clock* clock_;
  WallTime offset_;
};

// "2026-11-23T14:05:00Z"; with microseconds where they are not zero.
[[nodiscard]] std::string format_utc(WallTime time);
// The other way, for what format_utc() writes and what a person types: "2026-11-23T14:05:00Z", with
// a fraction, without its seconds, or the date alone, which is its midnight. Throws Error{invalid}
// naming the text and the form.
[[nodiscard]] WallTime parse_utc(std::string_view text);

// "1h30m", "90s", "250ms". Throws Error{invalid} naming the text on anything else. A bare number is
// refused: its unit would be a guess. Units: ms s m h d. Positive only.
[[nodiscard]] Duration parse_duration(std::string_view text);
[[nodiscard]] std::string format_duration(Duration duration);

}  // namespace host
