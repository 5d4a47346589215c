// SPDX-License-Identifier: Apache-2.0
#include "schedule/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;
using testing::ElementsAre;
using testing::HasSubstr;

WallTime utc(int y, unsigned m, unsigned d, int hour = 0, int minute = 0, int second = 0) {
  return sys_days(year(y) / std::chrono::month(m) / std::chrono::day(d)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

Schedule schedule(std::string_view text, std::string_view zone = "UTC") {
  return Schedule::parse(text, Zone::load(zone));
}

std::vector<std::string> next_few(const Schedule& schedule, WallTime after, int count) {
  std::vector<std::string> found;
  for (auto tick = schedule.next(after); tick && count > 0; tick = schedule.next(*tick), --count)
    found.push_back(format_utc(*tick));
  return found;
}

std::string refusal(std::string_view text, std::string_view zone = "UTC") {
  try {
    (void)schedule(text, zone);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    return error.message();
  }
  return "accepted";
}

TEST(Schedule, NextIsStrictlyAfter) {
  const auto hourly = schedule("@hourly");
  EXPECT_EQ(hourly.next(utc(2026, 1, 1, 5)), utc(2026, 1, 1, 6));
  EXPECT_EQ(hourly.next(utc(2026, 1, 1, 5) - 1us), utc(2026, 1, 1, 5));
  const auto daily = schedule("@daily");
  EXPECT_EQ(daily.next(utc(2026, 1, 1)), utc(2026, 1, 2));
  EXPECT_EQ(daily.next(utc(2026, 1, 1) - 1us), utc(2026, 1, 1));
}

TEST(Schedule, AnIntervalStandsOnAGridThatTheStartOfTheHostDoesNotMove) {
  const auto every = schedule("every: 90s");
  EXPECT_THAT(next_few(every, utc(2026, 1, 5, 12, 0, 17), 3),
              ElementsAre("2026-01-05T12:01:30Z", "2026-01-05T12:03:00Z", "2026-01-05T12:04:30Z"));
  EXPECT_EQ(every.next(utc(2026, 1, 5, 12, 1, 29) + 999999us), utc(2026, 1, 5, 12, 1, 30));
  EXPECT_EQ(schedule(" every:24h ").next(utc(2026, 1, 5, 12)), utc(2026, 1, 6));
  EXPECT_EQ(schedule("every: 7m", "Europe/Berlin").next(utc(2026, 3, 29, 0, 59)),
            schedule("every: 7m").next(utc(2026, 3, 29, 0, 59)));
}

TEST(Schedule, AnIntervalOutOfRangeOrWithoutAUnitIsRefused) {
  EXPECT_THAT(refusal("every: 500ms"), HasSubstr("expected 1s to 366d"));
  EXPECT_THAT(refusal("every: 400d"), HasSubstr("expected 1s to 366d"));
  EXPECT_THAT(refusal("every: 90"), HasSubstr("is not a duration"));
  EXPECT_THAT(refusal("every:"), HasSubstr("is not a duration"));
  EXPECT_THAT(refusal("every 90s"), HasSubstr("only 2 fields"));
  EXPECT_THAT(refusal("@every 90s"), HasSubstr("column"));
}

TEST(Schedule, AFixedTimeInTheGapRunsOnceRightAfterIt) {
  // 2026-03-29: 01:59:59 CET, then 03:00 CEST at 01:00Z.
  const auto fixed = schedule("30 2 * * *", "Europe/Berlin");
  EXPECT_THAT(next_few(fixed, utc(2026, 3, 28, 0), 3),
              ElementsAre("2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"));
  // Several readings in the gap, and the one right after it, are one tick.
  const auto several = schedule("0,15,30 2,3 29 * *", "Europe/Berlin");
  EXPECT_THAT(next_few(several, utc(2026, 3, 28, 12), 3),
              ElementsAre("2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z"));
}

TEST(Schedule, AFixedTimeThatIsRepeatedRunsTheFirstTimeOnly) {
  // 2026-10-25: 02:59:59 CEST, then 02:00 CET at 01:00Z.
  const auto fixed = schedule("30 2 * * *", "Europe/Berlin");
  EXPECT_THAT(next_few(fixed, utc(2026, 10, 25), 2),
              ElementsAre("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"));
  EXPECT_EQ(fixed.next(utc(2026, 10, 25, 1, 10)), utc(2026, 10, 26, 1, 30));
}

TEST(Schedule, WhatRepeatsWithinTheDayFollowsElapsedTime) {
  const auto hourly = schedule("@hourly", "Europe/Berlin");
  EXPECT_THAT(next_few(hourly, utc(2026, 3, 28, 23, 30), 3),
              ElementsAre("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"));
  EXPECT_THAT(next_few(hourly, utc(2026, 10, 24, 23, 30), 3),
              ElementsAre("2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"));
  // Nothing is made up for the gap.
  const auto at_two = schedule("*/30 2 * * *", "Europe/Berlin");
  EXPECT_THAT(next_few(at_two, utc(2026, 3, 28, 12), 2),
              ElementsAre("2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"));
  EXPECT_THAT(next_few(at_two, utc(2026, 10, 24, 12), 4),
              ElementsAre("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z",
                          "2026-10-25T01:30:00Z"));
}

TEST(Schedule, LordHowesHalfHourIsFollowed) {
  // 2026-10-04: 01:59:59 +10:30, then 02:30 +11 at 15:30Z the day before.
  EXPECT_EQ(schedule("15 2 * * *", "Australia/Lord_Howe").next(utc(2026, 10, 3, 12)),
            utc(2026, 10, 3, 15, 30));
  EXPECT_EQ(schedule("45 2 * * *", "Australia/Lord_Howe").next(utc(2026, 10, 3, 12)),
            utc(2026, 10, 3, 15, 45));
  // 2026-04-05: 01:59:59 +11, then 01:30 +10:30 at 15:00Z the day before.
  EXPECT_THAT(next_few(schedule("45 1 * * *", "Australia/Lord_Howe"), utc(2026, 4, 4, 12), 2),
              ElementsAre("2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"));
}

TEST(Schedule, MidnightAndAWholeDayMayBeSkipped) {
  // Havana, 2026-03-08: 23:59:59, then 01:00 at 05:00Z.
  EXPECT_EQ(schedule("@daily", "America/Havana").next(utc(2026, 3, 7, 12)), utc(2026, 3, 8, 5));
  // Apia left out 30 December 2011.
  EXPECT_EQ(schedule("0 12 30 12 *", "Pacific/Apia").next(utc(2011, 12, 1)), utc(2011, 12, 30, 10));
}

TEST(Schedule, OneWhoseTimesAreAlwaysSkippedIsRefused) {
  EXPECT_THAT(refusal("*/30 2 8-14 3 +SUN", "America/New_York"), HasSubstr("never fires in"));
  EXPECT_EQ(refusal("30 2 8-14 3 +SUN", "America/New_York"), "accepted");
  EXPECT_EQ(refusal("*/30 2 8-14 3 +SUN"), "accepted");
}

TEST(Schedule, AWrongExpressionSaysWhereAndWhat) {
  EXPECT_THAT(refusal("0 25 * * *"), HasSubstr("column 3: \"25\" is not an hour, expected 0-23"));
}

TEST(Schedule, TheLatestFewOfALongSpanAreFoundWithoutWalkingIt) {
  const auto every = schedule("every: 1s");
  EXPECT_EQ(
      every.latest(utc(1971, 1, 1), utc(2026, 1, 1), 3),
      (std::vector{utc(2025, 12, 31, 23, 59, 58), utc(2025, 12, 31, 23, 59, 59), utc(2026, 1, 1)}));
  const auto yearly = schedule("@yearly");
  EXPECT_EQ(yearly.latest(utc(2020, 6, 1), utc(2026, 5, 1), 2),
            (std::vector{utc(2025, 1, 1), utc(2026, 1, 1)}));
  EXPECT_EQ(yearly.latest(utc(2026, 1, 1), utc(2026, 5, 1), 2), std::vector<WallTime>{});
  EXPECT_EQ(yearly.latest(utc(2025, 1, 1), utc(2026, 1, 1), 2), std::vector{utc(2026, 1, 1)});
  EXPECT_EQ(yearly.latest(utc(2026, 1, 1), utc(2025, 1, 1), 2), std::vector<WallTime>{});
}

TEST(Schedule, NothingIsDueOutsideTheYearsThatItKnows) {
  for (const auto* text : {"every: 90s", "* * * * *", "0 0 * * *"}) {
    const auto any = schedule(text, "America/New_York");
    EXPECT_GE(any.next(WallTime::min()), utc(1970, 1, 1)) << text;
    EXPECT_EQ(any.next(WallTime::max()), std::nullopt) << text;
    EXPECT_EQ(any.next(utc(2300, 1, 1)), std::nullopt) << text;
  }
  EXPECT_EQ(schedule("every: 90s").next(WallTime::min()), utc(1970, 1, 1));
}

}  // namespace
}  // namespace host
