// SPDX-License-Identifier: Apache-2.0
//
// For tests: what a schedule must do, by looking at every minute. Shares nothing with the code
// under test: local time is the C library's, fields are sets filled by a naive reader, and the rule
// for changes of the clocks is that of a daemon that wakes each minute and remembers how far the
// clock on the wall has ever come.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace host::oracle {

struct Minute {
  std::int64_t utc;      // minutes since the epoch
  std::int64_t reading;  // the clock on the wall, counted in minutes likewise
  int minute, hour, day, month, weekday;

  Minute(std::int64_t at, std::int64_t shown, const tm& parts)
      : utc(at),
        reading(shown),
        minute(parts.tm_min),
        hour(parts.tm_hour),
        day(parts.tm_mday),
        month(parts.tm_mon + 1),
        weekday(parts.tm_wday) {}
};

// Every minute of [from, to), seconds since the epoch, as $TZ=zone has them.
inline std::vector<Minute> minutes_of(const std::string& zone, std::int64_t from, std::int64_t to) {
  const char* before = std::getenv("TZ");
  const std::string saved = before != nullptr ? before : "";
  ::setenv("TZ", (":" + zone).c_str(), 1);
  ::tzset();
  std::vector<Minute> all;
  all.reserve(static_cast<std::size_t>((to - from) / 60));
  for (time_t at = from; at < to; at += 60) {
    tm local{};
    ::localtime_r(&at, &local);
    all.emplace_back(at / 60, (at + local.tm_gmtoff) / 60, local);
  }
  before != nullptr ? ::setenv("TZ", saved.c_str(), 1) : ::unsetenv("TZ");
  ::tzset();
  return all;
}

// Five fields of numbers, `*`, lists, ranges and steps; no names, no L, W or #.
class Cron {
 public:
  explicit Cron(const std::string& text) {
    constexpr int kBounds[5][2] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
    std::istringstream fields(text);
    for (int i = 0; i < 5; ++i) {
      std::string field;
      fields >> field;
      if (i < 2 && field.find_first_of("*/") != std::string::npos) repeats_ = true;
      starred_[i] = field[0] == '*' && (field.size() == 1 || field[1] == ',');
      fill(field, kBounds[i][0], kBounds[i][1], sets_[i]);
    }
    if (sets_[4][7]) sets_[4][0] = true;
  }

  [[nodiscard]] bool matches(const Minute& m) const {
    if (!sets_[0][m.minute] || !sets_[1][m.hour] || !sets_[3][m.month]) return false;
    if (starred_[2]) return sets_[4][m.weekday];
    if (starred_[4]) return sets_[2][m.day];
    return sets_[2][m.day] || sets_[4][m.weekday];
  }

  // The minutes (UTC, since the epoch) among `all` at which it is due. The first minute of `all` is
  // only looked at as what came before.
  [[nodiscard]] std::vector<std::int64_t> due(const std::vector<Minute>& all) const {
    std::vector<std::int64_t> found;
    std::int64_t furthest = all.front().reading;
    for (std::size_t i = 1; i < all.size(); ++i) {
      const Minute& now = all[i];
      bool is_due = (repeats_ || now.reading > furthest) && matches(now);
      for (auto skipped = furthest + 1; !repeats_ && skipped < now.reading; ++skipped)
        is_due = is_due || matches(as_shown(skipped));
      if (is_due) found.push_back(now.utc);
      if (now.reading > furthest) furthest = now.reading;
    }
    return found;
  }

 private:
  static Minute as_shown(std::int64_t reading) {
    const time_t at = reading * 60;
    tm parts{};
    ::gmtime_r(&at, &parts);
    return {0, reading, parts};
  }

  static void fill(const std::string& field, int low, int high, bool (&set)[60]) {
    std::istringstream items(field);
    for (std::string item; std::getline(items, item, ',');) {
      int from = low, to = high, step = 1;
      if (const auto slash = item.find('/'); slash != std::string::npos)
        step = std::stoi(item.substr(slash + 1));
      if (item[0] != '*') {
        from = to = std::stoi(item);
        if (const auto dash = item.find('-'); dash != std::string::npos)
          to = std::stoi(item.substr(dash + 1));
      }
      for (int value = from; value <= to; value += step) set[value] = true;
    }
  }

  bool sets_[5][60] = {};
  bool starred_[5] = {};
  bool repeats_ = false;
};

}  // namespace host::oracle
