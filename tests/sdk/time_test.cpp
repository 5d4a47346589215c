// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <timmy/time.hpp>

namespace {

TEST(Time, ReadsWhatItWrites) {
  for (const char* text :
       {"2026-11-23T14:05:00Z", "2026-11-23T14:05:00.250Z", "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59.500Z", "2024-02-29T23:59:59Z"})
    EXPECT_EQ(timmy::format_time(timmy::parse_time(text).value()), text);
}

TEST(Time, TakesOffsetsAndFinerFractions) {
  EXPECT_EQ(timmy::format_time(timmy::parse_time("2026-01-01T00:30:00+01:00").value()),
            "2025-12-31T23:30:00Z");
  EXPECT_EQ(timmy::format_time(timmy::parse_time("2026-01-01T00:30:00.123456789-00:30").value()),
            "2026-01-01T01:00:00.123Z");
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "yesterday", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Zx", "2026-1-1T00:00:00Z", "2026-01-01T00:00:00+01", "2026-01-01"})
    EXPECT_FALSE(timmy::parse_time(text).has_value()) << text;
}

}  // namespace
