// SPDX-License-Identifier: Apache-2.0
#include "schedule/cron.hpp"

#include <algorithm>
#include <bit>

namespace host {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::month;
using std::chrono::weekday;
using std::chrono::year;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr std::uint32_t bit(unsigned n) { return std::uint32_t{1} << n; }

unsigned days_of(year_month ym) { return static_cast<unsigned>((ym / std::chrono::last).day()); }

// 0 is Sunday.
unsigned first_weekday(year_month ym) {
  return weekday(local_days(ym / std::chrono::day(1))).c_encoding();
}

// The weekday (Monday to Friday) nearest to a day of the month, without leaving the month. A day
// that the month doesn't have has none: 0.
unsigned nearest_weekday(unsigned day, unsigned first, unsigned length) {
  if (day > length) return 0;
  const unsigned on = (first + day - 1) % 7;
  if (on == 6) return day > 1 ? day - 1 : day + 2;
  if (on == 0) return day < length ? day + 1 : day - 2;
  return day;
}

}  // namespace

std::uint32_t Cron::days_in(year_month ym) const {
  const unsigned length = days_of(ym);
  const unsigned first = first_weekday(ym);
  const std::uint32_t all = (bit(length) - 1) * 2;

  std::uint32_t by_date = days_ & all;
  if (last_day_) by_date |= bit(length);
  if (nearest_weekday_to_ != 0)
    by_date |=
        bit(nearest_weekday(static_cast<unsigned>(nearest_weekday_to_), first, length)) & all;

  std::uint32_t by_weekday = 0;
  for (unsigned day = 1; day <= length; ++day) {
    const unsigned on = (first + day - 1) % 7;
    const bool nth = (nth_[on] & bit((day - 1) / 7 + 1)) != 0;
    const bool last = (nth_[on] & 1) != 0 && day + 7 > length;
    if ((weekdays_ & bit(on)) != 0 || nth || last) by_weekday |= bit(day);
  }

  const bool either = days_restricted_ && weekdays_restricted_ && !both_days_;
  return either ? by_date | by_weekday : by_date & by_weekday;
}

std::optional<LocalMinute> Cron::first_on(local_days day, minutes from) const {
  auto hour = static_cast<unsigned>(from / hours(1));
  auto minute = static_cast<unsigned>(from % hours(1) / minutes(1));
  for (; hour < 24; ++hour, minute = 0) {
    if ((hours_ & bit(hour)) == 0) continue;
    const std::uint64_t left = minutes_ >> minute;
    if (left == 0) continue;
    return day + hours(hour) + minutes(minute + static_cast<unsigned>(std::countr_zero(left)));
  }
  return std::nullopt;
}

std::optional<LocalMinute> Cron::at_or_after(LocalMinute from) const {
  const auto start = std::chrono::floor<days>(from);
  const year_month_day date(start);
  if (date.year() > kLastYear) return std::nullopt;
  year_month ym = date.year() / date.month();
  unsigned day = static_cast<unsigned>(date.day());
  minutes time_of_day = from - start;
  for (; ym.year() <= kLastYear; ym += std::chrono::months(1), day = 1, time_of_day = minutes(0)) {
    if ((months_ & bit(static_cast<unsigned>(ym.month()))) == 0) continue;
    std::uint32_t left = days_in(ym) & ~(bit(day) - 1);
    for (; left != 0; left &= left - 1) {
      const auto found = static_cast<unsigned>(std::countr_zero(left));
      if (found != day) time_of_day = minutes(0);
      if (const auto hit = first_on(local_days(ym / std::chrono::day(found)), time_of_day))
        return hit;
    }
  }
  return std::nullopt;
}

bool Cron::contains(LocalMinute minute) const {
  const auto start = std::chrono::floor<days>(minute);
  const year_month_day date(start);
  if ((months_ & bit(static_cast<unsigned>(date.month()))) == 0) return false;
  if ((days_in(date.year() / date.month()) & bit(static_cast<unsigned>(date.day()))) == 0)
    return false;
  return first_on(start, minute - start) == minute;
}

bool Cron::fires_ever() const {
  // The Gregorian calendar repeats after 400 years, weekdays included.
  for (year_month ym = year(2000) / month(1); ym.year() < year(2400); ym += std::chrono::months(1))
    if ((months_ & bit(static_cast<unsigned>(ym.month()))) != 0 && days_in(ym) != 0) return true;
  return false;
}

}  // namespace host
