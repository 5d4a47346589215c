// SPDX-License-Identifier: Apache-2.0
//
// Schedules against an oracle that looks at every minute (cron_oracle.hpp).
#include "schedule/cron_oracle.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "schedule/schedule.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

WallTime at_minute(std::int64_t minutes) { return WallTime(std::chrono::minutes(minutes)); }

std::int64_t seconds_of(sys_days day) {
  return std::chrono::seconds(day.time_since_epoch()).count();
}

// A year of a zone in which its clocks do what makes it worth a test.
struct ZoneYear {
  const char* zone;
  int year;
};
const std::vector<ZoneYear> kZones{
    {"America/New_York", 2025},     // an hour at 02:00, both ways
    {"Europe/Berlin", 2026},        // the same, on the other side of UTC
    {"Australia/Lord_Howe", 2026},  // half an hour
    {"America/Havana", 2026},       // 00:00 is skipped and repeated
    {"Asia/Beirut", 2025},          // 00:00 is skipped; 23:00 of the day before is repeated
    {"Africa/Casablanca", 2025},    // clocks go back for Ramadan
    {"Antarctica/Troll", 2025},     // two hours
    {"Pacific/Apia", 2011},         // a whole day is skipped
};

void expect_like_oracle(const std::string& text, const std::string& zone,
                        const std::vector<oracle::Minute>& minutes) {
  const auto schedule = Schedule::parse(text, Zone::load(zone));
  const auto expected = oracle::Cron(text).due(minutes);
  const WallTime end = at_minute(minutes.back().utc);
  WallTime at = at_minute(minutes.front().utc);
  for (const auto due : expected) {
    const auto next = schedule.next(at);
    ASSERT_EQ(next, at_minute(due))
        << text << " in " << zone << " after " << format_utc(at) << ": "
        << (next ? format_utc(*next) : "never") << ", not " << format_utc(at_minute(due));
    at = *next;
  }
  const auto beyond = schedule.next(at);
  ASSERT_TRUE(!beyond || *beyond > end)
      << text << " in " << zone << " also at " << format_utc(*beyond);
}

TEST(CronOracle, AYearOfEachZoneIsAsIfEveryMinuteWereLookedAt) {
  for (const auto& [zone, number] : kZones) {
    const auto minutes = oracle::minutes_of(zone, seconds_of(sys_days(year(number) / 1 / 1)) - 60,
                                            seconds_of(sys_days(year(number + 1) / 1 / 1)));
    for (const auto* text :
         {"30 2 * * *", "0 0 * * *", "15,45 1,2,23 * * *", "0 3 * * 0", "10 0-3 1-31 * 1",
          "*/20 * * * *", "0 */2 * * *", "5 * * 3,4,10,11 *", "1-59/29 1 */5 * 0,6"}) {
      expect_like_oracle(text, zone, minutes);
      if (HasFatalFailure()) return;
    }
  }
}

std::string item(int low, int high, bool steps) {
  const int from = *rc::gen::inRange(low, high + 1);
  const int to = *rc::gen::inRange(from, high + 1);
  const std::string range = std::to_string(from) + "-" + std::to_string(to);
  switch (*rc::gen::inRange(0, steps ? 4 : 2)) {
    case 0: return std::to_string(from);
    case 1: return range;
    case 2: return range + "/" + std::to_string(*rc::gen::inRange(1, high + 1));
    default: return "*/" + std::to_string(*rc::gen::inRange(1, high + 1));
  }
}

std::string field(int low, int high, bool steps) {
  if (steps && *rc::gen::inRange(0, 3) == 0) return "*";
  std::string text = item(low, high, steps);
  for (int more = *rc::gen::inRange(0, 3); more > 0; --more) text += "," + item(low, high, steps);
  return text;
}

// Fields of any form; for half of them a fixed time of day. Each month has such a day.
std::string expression() {
  const bool steps = *rc::gen::arbitrary<bool>();
  return field(0, 59, steps) + " " + field(0, 23, steps) + " " + field(1, 28, true) + " * " +
         field(0, 7, true);
}

RC_GTEST_PROP(CronOracle, AnyExpressionAroundAnyChangeIsAsIfEveryMinuteWereLookedAt, ()) {
  // Three days around the first two changes of the year.
  static const auto windows = [] {
    std::map<std::string, std::vector<std::vector<oracle::Minute>>> found;
    for (const auto& [zone, number] : kZones) {
      WallTime at = sys_days(year(number) / 1 / 1);
      for (int i = 0; i < 2; ++i) {
        at = Zone::load(zone).next_change(at).value();
        const auto start = seconds_of(std::chrono::floor<std::chrono::days>(at)) - 86400;
        found[zone].push_back(oracle::minutes_of(zone, start, start + 3 * 86400));
      }
    }
    return found;
  }();
  const auto text = expression();
  const auto& zone = kZones[*rc::gen::inRange<std::size_t>(0, kZones.size())].zone;
  for (const auto& minutes : windows.at(zone)) {
    expect_like_oracle(text, zone, minutes);
    if (testing::Test::HasFatalFailure()) RC_FAIL(text);
  }
}

RC_GTEST_PROP(CronOracle, NextOnlyGoesUpAndOnlyToMinutesOfTheExpression, ()) {
  const auto text = expression();
  const Zone zone = Zone::load(kZones[*rc::gen::inRange<std::size_t>(0, kZones.size())].zone);
  const auto schedule = Schedule::parse(text, zone);
  const Cron cron = Cron::parse(text);
  WallTime at = WallTime(std::chrono::seconds(*rc::gen::inRange<std::int64_t>(0, 4102444800)));
  for (int i = 0; i < 50; ++i) {
    const auto next = schedule.next(at);
    RC_ASSERT(next.has_value());
    RC_ASSERT(*next > at);
    RC_ASSERT(schedule.next(*next - 1us) == next);
    const auto reading = zone.local(*next);
    const bool jumped = zone.local(*next - 1s) != reading - 1s;
    RC_ASSERT(cron.contains(std::chrono::floor<std::chrono::minutes>(reading)) || jumped);
    at = *next;
  }
}

}  // namespace
}  // namespace host
