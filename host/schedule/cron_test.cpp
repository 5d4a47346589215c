// SPDX-License-Identifier: Apache-2.0
#include "schedule/cron.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;
using std::chrono::year;
using testing::HasSubstr;

LocalMinute at(int y, unsigned m, unsigned d, int hour = 0, int minute = 0) {
  return local_days(year(y) / std::chrono::month(m) / std::chrono::day(d)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute);
}

bool fires(std::string_view text, LocalMinute minute) { return Cron::parse(text).contains(minute); }

// The days of a month on which the expression fires at all.
std::vector<unsigned> days(std::string_view text, int y, unsigned m) {
  const Cron cron = Cron::parse(text);
  std::vector<unsigned> found;
  const auto end = local_days(year(y) / std::chrono::month(m) / std::chrono::last);
  for (auto day = local_days(year(y) / std::chrono::month(m) / 1); day <= end;
       day += std::chrono::days(1)) {
    const auto hit = cron.at_or_after(day);
    if (hit && *hit < day + 24h)
      found.push_back(static_cast<unsigned>(std::chrono::year_month_day(day).day()));
  }
  return found;
}

struct Refusal {
  Code code = Code::internal;
  std::string message;
  std::string next_step;
};
Refusal refusal(std::string_view text) {
  try {
    (void)Cron::parse(text);
  } catch (const Error& error) {
    return {error.code(), error.message(), error.next_step()};
  }
  return {Code::internal, "accepted: " + std::string(text), ""};
}

using Days = std::vector<unsigned>;

TEST(Cron, AFieldIsAStarANumberAListARangeOrAStep) {
  EXPECT_TRUE(fires("15 10 * * *", at(2025, 3, 10, 10, 15)));
  EXPECT_FALSE(fires("15 10 * * *", at(2025, 3, 10, 10, 14)));
  EXPECT_TRUE(fires("5-59/15 9 * * *", at(2025, 3, 10, 9, 50)));
  EXPECT_FALSE(fires("5-59/15 9 * * *", at(2025, 3, 10, 9, 15)));
  EXPECT_TRUE(fires("1,2,40-45 * * * *", at(2025, 3, 10, 7, 42)));
  EXPECT_TRUE(fires("*/7 * * * *", at(2025, 3, 10, 7, 56)));
  EXPECT_FALSE(fires("*/7 * * * *", at(2025, 3, 10, 7, 59)));
  EXPECT_TRUE(fires(" \t 007   10\t* * * ", at(2025, 3, 10, 10, 7)));
}

TEST(Cron, NamesOfMonthsAndDaysAreReadInAnyCase) {
  EXPECT_TRUE(fires("30 8 * jan Mon", at(2025, 1, 6, 8, 30)));
  EXPECT_FALSE(fires("30 8 * jan Mon", at(2025, 2, 3, 8, 30)));
  EXPECT_TRUE(fires("0 0 * NOV-dec TUE,sAt", at(2025, 12, 6)));
}

TEST(Cron, ZeroAndSevenAreSunday) {
  const Days sundays{2, 9, 16, 23, 30};
  for (const auto* text : {"0 0 * * 0", "0 0 * * 7", "0 0 * * SUN", "0 0 * * */7"})
    EXPECT_EQ(days(text, 2025, 11), sundays) << text;
  const Days weekends{1, 2, 7, 8, 9, 14, 15, 16, 21, 22, 23, 28, 29, 30};
  for (const auto* text : {"0 0 * * 5-7", "0 0 * * FRI-SUN", "0 0 * * fri-7"})
    EXPECT_EQ(days(text, 2025, 11), weekends) << text;
  EXPECT_EQ(days("0 0 * * 0-7", 2025, 2).size(), 28u);
  EXPECT_EQ(days("0 0 * * SUN-SUN", 2025, 11), sundays);
}

TEST(Cron, RestrictedDayFieldsMatchByEitherUnlessAPlusAsksForBoth) {
  EXPECT_EQ(days("0 12 1 * MON", 2025, 10), (Days{1, 6, 13, 20, 27}));
  EXPECT_EQ(days("0 12 1 * +MON", 2025, 10), Days{});
  EXPECT_EQ(days("0 12 1 * +MON", 2025, 9), Days{1});
  EXPECT_EQ(days("0 12 * * MON", 2025, 10), (Days{6, 13, 20, 27}));
  EXPECT_EQ(days("0 12 *,1 * MON", 2025, 10), (Days{6, 13, 20, 27}));
  EXPECT_EQ(days("0 12 13 * ?", 2025, 10), Days{13});
  EXPECT_EQ(days("0 12 1-31 * MON", 2025, 10).size(), 31u);
  // A day field with a step is restricted, whatever it starts with.
  EXPECT_EQ(days("0 12 */15 * MON", 2025, 10), (Days{1, 6, 13, 16, 20, 27, 31}));
}

TEST(Cron, LIsTheLastDayOrTheLastSuchWeekday) {
  EXPECT_EQ(days("0 0 L * *", 2025, 2), Days{28});
  EXPECT_EQ(days("0 0 L * *", 2024, 2), Days{29});
  EXPECT_EQ(days("0 0 1,L * *", 2025, 4), (Days{1, 30}));
  for (const auto* text : {"0 0 * * 5L", "0 0 * * 5#L", "0 0 * * FRI#L", "0 0 * * friL"})
    EXPECT_EQ(days(text, 2025, 2), Days{28}) << text;
  EXPECT_EQ(days("0 0 * * 0L,1L", 2025, 3), (Days{30, 31}));
}

TEST(Cron, AHashIsTheNthSuchWeekday) {
  EXPECT_EQ(days("0 0 * * 2#3", 2025, 6), Days{17});
  EXPECT_EQ(days("0 0 * * MON#1,7#5", 2025, 11), (Days{3, 30}));
  EXPECT_EQ(days("0 0 * * MON#5", 2025, 11), Days{});
}

TEST(Cron, WIsTheNearestWeekdayInTheMonth) {
  EXPECT_EQ(days("0 12 15W * *", 2025, 6), Days{16});   // a Sunday
  EXPECT_EQ(days("0 12 15W * *", 2025, 11), Days{14});  // a Saturday
  EXPECT_EQ(days("0 12 15W * *", 2025, 10), Days{15});  // a Wednesday
  EXPECT_EQ(days("0 12 1W * *", 2025, 2), Days{3});     // a Saturday: not back into January
  EXPECT_EQ(days("0 12 31W * *", 2025, 8), Days{29});   // a Sunday: not on into September
  EXPECT_EQ(days("0 12 31W * *", 2025, 6), Days{});     // June has no 31st
}

TEST(Cron, NicknamesStandForTheirFiveFields) {
  EXPECT_EQ(Cron::parse("@yearly"), Cron::parse("0 0 1 1 *"));
  EXPECT_EQ(Cron::parse("@annually"), Cron::parse("0 0 1 1 *"));
  EXPECT_EQ(Cron::parse("@monthly"), Cron::parse("0 0 1 * *"));
  EXPECT_EQ(Cron::parse("@weekly"), Cron::parse("0 0 * * 0"));
  EXPECT_EQ(Cron::parse("@daily"), Cron::parse("0 0 * * *"));
  EXPECT_EQ(Cron::parse(" @midnight\t"), Cron::parse("0 0 * * *"));
  EXPECT_EQ(Cron::parse("@hourly"), Cron::parse("0 * * * *"));
}

TEST(Cron, OnlyAStarOrAStepInMinuteOrHourRepeatsWithinTheDay) {
  for (const auto* text : {"* 2 * * *", "*/5 2 * * *", "30 * * * *", "0 */2 * * *",
                           "10-50/10 2 * * *", "0 8-18/2 * * *", "5,* 1 * * *"})
    EXPECT_TRUE(Cron::parse(text).repeats_within_day()) << text;
  for (const auto* text : {"30 2 * * *", "0,30 2,3 * * *", "0-59 2 * * *", "0 0 */2 * *"})
    EXPECT_FALSE(Cron::parse(text).repeats_within_day()) << text;
}

TEST(Cron, AnErrorHasTheColumnAndWhatWasExpectedThere) {
  struct Case {
    const char* text;
    int column;
    const char* expected;
  };
  const std::vector<Case> cases{
      {"60 0 * * *", 1, "\"60\" is not a minute, expected 0-59"},
      {"0 24 * * *", 3, "\"24\" is not an hour, expected 0-23"},
      {"0 0 0 * *", 5, "expected 1-31"},
      {"0 0 * 13 *", 7, "expected 1-12"},
      {"0 0 * * 8", 9, "expected 0-7"},
      {"*,*,61 0 * * *", 5, "expected 0-59"},
      {"99999999999999999999 0 * * *", 1, "expected 0-59"},
      {"0 0 10-5 * *", 8, "at least 10"},
      {"0 0 /30 * *", 5, "expected 1-31, L or a day with W"},
      {"0/15 * * * *", 2, "a step stands after `*` or a range"},
      {"*/0 * * * *", 3, "\"0\" is not a step, expected 1-59"},
      {"*/90 * * * *", 3, "\"90\" is not a step, expected 1-59"},
      {"*/ * * * *", 3, "the end of the field is not a step"},
      {"1,,2 * * * *", 3, "\",\" is not a minute"},
      {"1, * * * *", 3, "the end of the field is not a minute"},
      {"-5 * * * *", 1, "\"-\" is not a minute"},
      {"1-2-3 * * * *", 4, "expected a comma or the next field"},
      {"5x * * * *", 2, "unexpected \"x\" after a minute"},
      {"0 0 * * MONDAY", 9, "\"MONDAY\" is not a day of week, expected 0-7 or SUN-SAT"},
      {"0 0 * MON *", 7, "\"MON\" is not a month, expected 1-12 or JAN-DEC"},
      {"0 0 * * FR", 9, "\"FR\" is not a day of week"},
      {"0 0 1-15W * *", 9, "stands after a single day"},
      {"0 0 1W,15 * *", 5, "stands alone"},
      {"0 0 15,1W * *", 8, "stands alone"},
      {"0 0 LW * *", 6, "unexpected \"W\""},
      {"0 0 l * *", 5, "expected 1-31"},
      {"0 0 * * L", 9, "expected 0-7 or SUN-SAT"},
      {"0 0 * * 1#6", 11, "expected 1-5"},
      {"0 0 * * 1-3#2", 12, "stands after a single day"},
      {"? 12 * * *", 1, "\"?\" is not a minute"},
      {"0 12 +1 * MON", 6, "\"+\" is not a day of month"},
      {"0 12 1 * MON,+TUE", 14, "\"+\" is not a day of week"},
      {"* * * *", 8, "only 4 fields"},
      {"", 1, "only 0 fields"},
      {"* * * * * * * *", 11, "8 fields"},
      {"@Daily", 1, "expected one of @yearly"},
      {"@daily 0 0 * * *", 8, "expected the end"},
      {"0 0 * * MON\n", 12, "unexpected \"?\""},
  };
  for (const auto& [text, column, expected] : cases) {
    const auto [code, message, next_step] = refusal(text);
    EXPECT_EQ(code, Code::invalid) << text;
    EXPECT_THAT(message, HasSubstr("column " + std::to_string(column) + ":")) << text;
    EXPECT_THAT(message, HasSubstr(expected)) << text;
    EXPECT_NE(next_step, "") << text;
  }
}

TEST(Cron, SecondsYearAndRebootAreRefusedByName) {
  const auto seconds = refusal("30 15 10 * * *");
  EXPECT_EQ(seconds.code, Code::unsupported);
  EXPECT_THAT(seconds.message, HasSubstr("column 1: the optional seconds field"));
  const auto year_field = refusal("0 0 1 1 * 2027");
  EXPECT_EQ(year_field.code, Code::unsupported);
  EXPECT_THAT(year_field.message, HasSubstr("column 11: the optional year field"));
  const auto both = refusal("0 15 10 * * * 2025");
  EXPECT_EQ(both.code, Code::unsupported);
  EXPECT_THAT(both.message, HasSubstr("the optional seconds and year fields"));
  const auto reboot = refusal("@reboot");
  EXPECT_EQ(reboot.code, Code::unsupported);
  EXPECT_THAT(reboot.message, HasSubstr("@reboot is not supported"));
}

TEST(Cron, AnExpressionThatNeverFiresIsRefused) {
  for (const auto* text : {"0 0 30 2 *", "* * 31 4,6,9,11 *", "0 0 31W 2 *", "0 0 30 2 +MON"}) {
    const auto [code, message, next_step] = refusal(text);
    EXPECT_EQ(code, Code::invalid) << text;
    EXPECT_THAT(message, HasSubstr("column")) << text;
    EXPECT_THAT(message, HasSubstr("never fires")) << text;
  }
  // Rare is not never.
  EXPECT_EQ(Cron::parse("0 0 29 2 +MON#5").at_or_after(at(2026, 1, 1)), at(2044, 2, 29));
  EXPECT_EQ(days("0 0 30 2 MON", 2026, 2), (Days{2, 9, 16, 23}));
}

TEST(Cron, OddBytesInAnErrorAreMadePrintable) {
  EXPECT_THAT(refusal("\x01\x1b[2J * * * *").message, testing::Not(HasSubstr("\x1b")));
  EXPECT_EQ(refusal(std::string(100000, '*')).code, Code::invalid);
}

TEST(Cron, TheLastYearEndsTheSearch) {
  const Cron daily = Cron::parse("@daily");
  EXPECT_EQ(daily.at_or_after(at(2299, 12, 31)), at(2299, 12, 31));
  EXPECT_EQ(daily.at_or_after(at(2299, 12, 31, 0, 1)), std::nullopt);
  EXPECT_EQ(daily.at_or_after(at(3000, 1, 1)), std::nullopt);
}

}  // namespace
}  // namespace host
