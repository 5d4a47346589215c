// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/fake_loop.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsWrittenWithUnitsAndReadBack) {
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("2d"), 48h);
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(parse_duration(format_duration(26h + 3s)), 26h + 3s);
}

TEST(Duration, RefusesWhatHasNoUnitOrNoMeaning) {
  for (const char* text : {"", "90", "s", "-5s", "0s", "5 s", "5y", "1h30", "99999999999999999d"})
    EXPECT_THROW((void)parse_duration(text), Error) << text;
}

TEST(Timeline, FollowsASuspendButNotASetClock) {
  FakeClock clock;
  const Timeline timeline(clock);
  const auto start = timeline.now();
  clock.set_wall(start - 240h);
  EXPECT_EQ(timeline.now(), start);
  EXPECT_EQ(timeline.wall_shift(), -240h);
  clock.suspend(1h);
  EXPECT_EQ(timeline.now(), start + 1h);
}

TEST(ParseUtc, ReadsWhatAPersonTypesAndNamesWhatIsNoTime) {
  const WallTime day{std::chrono::sys_days{std::chrono::January / 5 / 2026}};
  EXPECT_EQ(parse_utc("2026-01-05"), day);
  EXPECT_EQ(parse_utc("2026-01-05T12:30Z"), day + 12h + 30min);
  EXPECT_EQ(parse_utc(format_utc(day + 12h + 1s)), day + 12h + 1s);
  EXPECT_EQ(parse_utc(format_utc(day + 1s + 1500us)), day + 1s + 1500us);
  EXPECT_EQ(parse_utc("2026-01-05T00:00:00.25Z"), day + 250ms);
  EXPECT_EQ(parse_utc("2026-01-05T00:00:00.123456789Z"), day + 123456us);
  for (const char* wrong : {"", "now", "2026-02-30", "2026-01-05T12:30", "2026-01-05T25:00Z",
                            "2026-01-05T12:00:60Z", "2026-01-05 ", "12:00", "2026-01-05T12:00:00.Z",
                            "2026-01-05T12:00:00.5", "2026-01-05T12:00.5Z", "2026-01-05.5",
                            "2026-01-05T12:00:00.-5Z", "2026-01-05T12:00:00.5.5Z"}) {
    try {
      (void)parse_utc(wrong);
      FAIL() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid) << wrong;
    }
  }
}

TEST(FormatUtc, PrintsFractionsOnlyWhereThereAreSome) {
  const WallTime noon = FakeClock().wall();
  EXPECT_EQ(format_utc(noon), "2026-01-05T12:00:00Z");
  EXPECT_EQ(format_utc(noon + 1500us), "2026-01-05T12:00:00.001500Z");
  EXPECT_EQ(format_utc(WallTime(-1s)), "1969-12-31T23:59:59Z");
}

}  // namespace
}  // namespace host
