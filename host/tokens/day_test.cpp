// SPDX-License-Identifier: Apache-2.0
#include "tokens/day.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/fake_loop.hpp"

namespace host {
namespace {

using std::chrono::hours;

std::string day_in(const char* zone, const char* utc) {
  return day_text(BudgetZone::load(zone).day_of(parse_utc(utc)));
}
std::string end_in(const char* zone, const char* utc) {
  const auto loaded = BudgetZone::load(zone);
  return format_utc(loaded.end_of(loaded.day_of(parse_utc(utc))));
}

TEST(BudgetZoneTest, a_day_ends_at_midnight_there) {
  EXPECT_EQ(day_in("UTC", "2026-01-05T23:59:59Z"), "2026-01-05");
  EXPECT_EQ(day_in("Europe/Berlin", "2026-01-05T23:00:00Z"), "2026-01-06");
  EXPECT_EQ(end_in("Europe/Berlin", "2026-01-05T12:00:00Z"), "2026-01-05T23:00:00Z");
  EXPECT_EQ(day_in("UTC", "1969-12-31T23:59:59Z"), "1969-12-31");
}

TEST(BudgetZoneTest, days_are_longer_and_shorter_when_clocks_change) {
  EXPECT_EQ(end_in("Europe/Berlin", "2026-03-29T12:00:00Z"), "2026-03-29T22:00:00Z");
  // Where the clocks jump over midnight, or are put back over it.
  EXPECT_EQ(end_in("America/Santiago", "2026-09-05T12:00:00Z"), "2026-09-06T04:00:00Z");
  EXPECT_EQ(end_in("America/Havana", "2026-10-31T12:00:00Z"), "2026-11-01T04:00:00Z");
}

TEST(BudgetZoneTest, what_is_no_zone_is_refused) {
  for (const char* name :
       {"Mars/Olympus", "", "/etc/passwd", "../UTC", "europe/berlin ", "localtime"})
    EXPECT_THROW((void)BudgetZone::load(name), Error) << name;
}

TEST(DayAnchorTest, it_is_kept_as_text) {
  const DayAnchor anchor{"b", WallTime(Duration(5)), Duration(6), -7};
  const auto back = parse_day_anchor(to_text(anchor));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_text(*back), to_text(anchor));
  EXPECT_FALSE(parse_day_anchor("{}"));
  EXPECT_FALSE(parse_day_anchor("nonsense"));
}

class DayClockTest : public testing::Test {
 protected:
  std::string today() { return day_text(day_.today()); }
  // A host's start.
  void start(const std::string& boot) { day_ = DayClock(clock_, boot, day_.anchor()); }

  FakeClock clock_;
  DayClock day_{clock_, "boot 1", std::nullopt};
};

TEST_F(DayClockTest, a_day_begins_at_midnight) {
  EXPECT_EQ(today(), "2026-01-05");
  clock_.suspend(hours(12));
  EXPECT_EQ(today(), "2026-01-06");
}

TEST_F(DayClockTest, a_clock_that_is_set_renews_nothing) {
  clock_.set_wall(parse_utc("2026-01-07"));
  EXPECT_EQ(today(), "2026-01-05");
  EXPECT_EQ(day_.shift(), hours(36));
  start("boot 1");
  EXPECT_EQ(today(), "2026-01-05");
}

TEST_F(DayClockTest, a_new_boot_believes_the_clock_but_never_goes_back) {
  (void)today();
  clock_.set_wall(parse_utc("2026-01-04T12:00:00Z"));
  start("boot 2");
  EXPECT_EQ(today(), "2026-01-05");
  clock_.advance(hours(24));
  EXPECT_EQ(today(), "2026-01-05");
  clock_.advance(hours(12));
  EXPECT_EQ(today(), "2026-01-06");
  clock_.set_wall(parse_utc("2026-01-09T12:00:00Z"));
  start("boot 3");
  EXPECT_EQ(today(), "2026-01-09");
}

TEST_F(DayClockTest, without_a_name_each_start_is_a_boot) {
  start("");
  clock_.set_wall(parse_utc("2026-01-07"));
  start("");
  EXPECT_EQ(today(), "2026-01-07");
}

TEST_F(DayClockTest, the_operator_may_say_that_the_clock_is_right) {
  clock_.set_wall(parse_utc("2099-01-07"));
  day_.accept();
  EXPECT_EQ(today(), "2099-01-07");
  clock_.set_wall(parse_utc("2026-01-07"));
  EXPECT_EQ(today(), "2099-01-07");
  day_.accept();
  EXPECT_EQ(today(), "2026-01-07");
  EXPECT_EQ(day_.shift(), Duration());
}

}  // namespace
}  // namespace host
