// SPDX-License-Identifier: Apache-2.0
#include "queue/job.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(JobStateTest, names_are_read_back) {
  for (int i = 0; i < 7; ++i) {
    const auto state = static_cast<JobState>(i);
    EXPECT_EQ(parse_job_state(name(state)), state);
    const auto kind = static_cast<Verdict::Kind>(i);
    EXPECT_EQ(parse_verdict_kind(name(kind)), kind);
  }
  EXPECT_THROW(static_cast<void>(parse_job_state("done")), Error);
}

TEST(RetryDelayTest, doubles_from_the_base_up_to_the_cap) {
  const RetryPolicy policy{.base = seconds(5), .cap = seconds(60)};
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 1, 0.999999).count()), 5e6, 10);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 2, 0.999999).count()), 10e6, 10);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 3, 0.999999).count()), 20e6, 20);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 5, 0.999999).count()), 60e6, 60);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 1'000'000, 0.999999).count()), 60e6, 60);
}

TEST(RetryDelayTest, jitter_takes_away_at_most_half) {
  const RetryPolicy policy{.base = seconds(8), .cap = hours(1)};
  EXPECT_EQ(retry_delay(policy, 1, 0), seconds(4));
  EXPECT_EQ(retry_delay(policy, 1, 0.5), seconds(6));
}

TEST(RetryDelayTest, the_largest_numbers_do_not_overflow) {
  const RetryPolicy policy{.base = Duration::max() / 2, .cap = Duration::max()};
  EXPECT_GT(retry_delay(policy, 100, 0), Duration::zero());
  const RetryPolicy none{.base = Duration::zero(), .cap = hours(1)};
  EXPECT_EQ(retry_delay(none, 100, 0.5), Duration::zero());
}

TEST(RateLimitTest, is_read_and_written_as_runs_in_a_time) {
  EXPECT_EQ(parse_rate("30/1h"), (RateLimit{30, std::chrono::hours(1)}));
  EXPECT_EQ(to_text(parse_rate("30/1h")), "30/1h");
  EXPECT_FALSE(parse_rate("none"));
  EXPECT_FALSE(parse_rate(""));
  EXPECT_EQ(to_text(RateLimit{}), "none");
  for (const char* wrong : {"30", "/1h", "0/1h", "-1/1h", "1001/1h", "3/", "3/0s", "3 /1h", "x/1h"})
    EXPECT_THROW((void)parse_rate(wrong), Error) << wrong;
}

}  // namespace
}  // namespace host
