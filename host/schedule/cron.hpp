// SPDX-License-Identifier: Apache-2.0
//
// Cron expressions: which minutes of the calendar they mean. No time zone and no clock here; see
// schedule.hpp for instants.
//
// Syntax: the five-field subset of the Open Cron Pattern Specification 1.0 to 1.4
// (https://github.com/open-source-cron/ocps):
//
//   minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, day of week 0-7 or SUN-SAT
//   (0 and 7 are Sunday; names in any case); `*`, lists `1,2`, ranges `1-5` and FRI-SUN, steps
//   `*/5` and `10-50/5` (a step stands after `*` or a range)
//   @yearly @annually @monthly @weekly @daily @midnight @hourly, lower case
//   day of month: `L` the last day; `15W` the weekday (Monday to Friday) nearest to the 15th within
//   the month, alone in its field
//   day of week: `5#3` the third Friday; `5#L` or `5L` the last one
//   `?` for `*` in the two day fields
//   Days match by either field when both are restricted, by both when day of week begins with `+`.
//   A day field is unrestricted only when its first item is `*`, so `*/2` is restricted.
//
// Refused by name: the optional fields for seconds and year, and @reboot.
// Refused beyond OCPS: a step above the field's highest value (`*/90` minutes would mean every
// hour), and an expression that never fires (30 February).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace host {

// A minute as the calendar and the clock on the wall show it.
using LocalMinute = std::chrono::local_time<std::chrono::minutes>;

// Nothing is looked for after this year.
inline constexpr std::chrono::year kLastYear{2299};

class Cron {
 public:
  // Throws Error{invalid}, or Error{unsupported} for what is refused by name. The message has the
  // column (from 1) and what was expected there.
  [[nodiscard]] static Cron parse(std::string_view text);

  // Whether the expression means this minute.
  [[nodiscard]] bool contains(LocalMinute minute) const;

  // The first minute of the expression that is not before `from`; nullopt when there is none up to
  // kLastYear.
  [[nodiscard]] std::optional<LocalMinute> at_or_after(LocalMinute from) const;

  // False for a fixed time of day: neither minute nor hour has a `*` or a step.
  [[nodiscard]] bool repeats_within_day() const { return repeats_within_day_; }

  bool operator==(const Cron&) const = default;

 private:
  friend class CronReader;
  Cron() = default;

  // Bit d is day d of the month.
  [[nodiscard]] std::uint32_t days_in(std::chrono::year_month month) const;
  [[nodiscard]] std::optional<LocalMinute> first_on(std::chrono::local_days day,
                                                    std::chrono::minutes from) const;
  [[nodiscard]] bool fires_ever() const;

  std::uint64_t minutes_ = 0;  // bit n: value n, in all of these
  std::uint32_t hours_ = 0;
  std::uint32_t days_ = 0;
  std::uint32_t months_ = 0;
  std::uint32_t weekdays_ = 0;
  bool last_day_ = false;              // L
  int nearest_weekday_to_ = 0;         // 15 for 15W; 0: none
  std::array<std::uint8_t, 7> nth_{};  // by day of the week: bit n for #n, bit 0 for #L
  bool days_restricted_ = false;
  bool weekdays_restricted_ = false;
  bool both_days_ = false;  // +
  bool repeats_within_day_ = false;
};

}  // namespace host
