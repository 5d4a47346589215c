// SPDX-License-Identifier: Apache-2.0
#include "http/retry_after.hpp"

#include <gtest/gtest.h>

namespace host {
namespace {

using namespace std::chrono_literals;

// 1994-11-06T08:49:37Z, the date of RFC 9110's examples.
const WallTime kNow{std::chrono::seconds(784111777)};

TEST(RetryAfter, TakesSecondsAndDates) {
  EXPECT_EQ(parse_retry_after("120", kNow), Duration(120s));
  EXPECT_EQ(parse_retry_after(" 0 ", kNow), Duration(0s));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", kNow), Duration(30s));
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:50:07 GMT", kNow), Duration(30s));
}

TEST(RetryAfter, CapsAbsurdOnesAndNeverGoesBack) {
  EXPECT_EQ(parse_retry_after("301", kNow), kLongestRetryAfter);
  EXPECT_EQ(parse_retry_after("99999999999999999999999", kNow), kLongestRetryAfter);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 2094 08:49:37 GMT", kNow), kLongestRetryAfter);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1984 08:49:37 GMT", kNow), Duration(0s));
}

TEST(RetryAfter, IgnoresWhatIsNeither) {
  for (const auto* text : {"", " ", "soon", "-5", "1.5", "12:00", "1e3"})
    EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
}

}  // namespace
}  // namespace host
