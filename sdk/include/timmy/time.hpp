// SPDX-License-Identifier: Apache-2.0
//
// Instants as text and back. Everything here: since ABI 1.0; any thread; takes and returns values
// and keeps nothing; throws nothing but std::bad_alloc.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace timmy {

// An instant of wall-clock time, UTC.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

// "2026-11-23T14:05:00Z" (RFC 3339), with milliseconds where they are not zero.
[[nodiscard]] inline std::string format_time(Time time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - days));
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string result = text;
  if (const auto milliseconds = clock.subseconds().count(); milliseconds != 0) {
    std::snprintf(text, sizeof text, ".%03d", static_cast<int>(milliseconds));
    result += text;
  }
  return result + "Z";
}

namespace detail {

// The next `digits` digits of `text` as a number, which are taken off it; -1 if they are not there.
inline int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int number = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

inline bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// ".25" as microseconds, taken off `text`; none where it does not begin with a point.
inline std::int64_t take_fraction(std::string_view& text) {
  if (!take(text, '.')) return 0;
  std::int64_t micros = 0;
  std::int64_t unit = 100'000;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    micros += unit * (text.front() - '0');
    unit /= 10;
    text.remove_prefix(1);
  }
  return micros;
}

}  // namespace detail

// The instant of an RFC 3339 text, with "Z" or an offset; nothing if it isn't one.
[[nodiscard]] inline std::optional<Time> parse_time(std::string_view text) {
  using namespace std::chrono;
  using detail::take;
  using detail::take_number;
  const int y = take_number(text, 4);
  const bool d1 = take(text, '-');
  const int mo = take_number(text, 2);
  const bool d2 = take(text, '-');
  const int d = take_number(text, 2);
  if (y < 0 || mo < 0 || d < 0 || !d1 || !d2 || !(take(text, 'T') || take(text, ' '))) return {};
  const year_month_day date{year(y), month(static_cast<unsigned>(mo)),
                            day(static_cast<unsigned>(d))};
  const int h = take_number(text, 2);
  const bool c1 = take(text, ':');
  const int mi = take_number(text, 2);
  const bool c2 = take(text, ':');
  const int s = take_number(text, 2);
  if (!date.ok() || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60 || !c1 || !c2)
    return {};
  Time time = sys_days(date) + hours(h) + minutes(mi) + seconds(s);
  time += microseconds(detail::take_fraction(text));
  if (take(text, 'Z')) return text.empty() ? std::optional(time) : std::nullopt;
  const bool east = take(text, '+');
  if (!east && !take(text, '-')) return {};
  const int oh = take_number(text, 2);
  const bool c3 = take(text, ':');
  const int om = take_number(text, 2);
  if (oh < 0 || om < 0 || !c3 || !text.empty()) return {};
  const auto offset = hours(oh) + minutes(om);
  return east ? time - offset : time + offset;
}

}  // namespace timmy
