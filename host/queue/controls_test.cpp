// SPDX-License-Identifier: Apache-2.0
#include "queue/controls.hpp"

#include <gmock/gmock.h>

#include "queue/job_table_fixture.hpp"

namespace host {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class ControlsTest : public JobTableTest {
 protected:
  // How many of five waiting jobs a claim got.
  Claimed limited_claim(const RateLimit& limit, int count = 5) {
    return in_unit([&](Unit& unit) { return claim_jobs(unit, "work", count, 1, now_, limit); });
  }
  void insert_many(int count) {
    for (int i = 0; i < count; ++i) insert({});
  }
};

TEST_F(ControlsTest, a_pause_is_kept_and_said_once) {
  const auto set = [&](bool paused) {
    return in_unit(
        [&](Unit& unit) { return set_paused(unit, Pausable::queue, "slow", paused, now_); });
  };
  EXPECT_TRUE(set(true));
  EXPECT_FALSE(set(true));
  auto pauses = in_unit([](Unit& unit) { return read_pauses(unit); });
  EXPECT_THAT(pauses.queues, ElementsAre("slow"));
  EXPECT_THAT(pauses.tasks, IsEmpty());
  EXPECT_TRUE(set(false));
  EXPECT_FALSE(set(false));
  pauses = in_unit([](Unit& unit) { return read_pauses(unit); });
  EXPECT_THAT(pauses.queues, IsEmpty());
}

TEST_F(ControlsTest, a_rate_limit_holds_in_any_span_of_its_length) {
  const RateLimit limit{.runs = 3, .per = minutes(1)};
  insert_many(20);
  const auto begun = now_;
  EXPECT_EQ(limited_claim(limit, 2).jobs.size(), 2u);
  now_ += seconds(40);
  const auto second = limited_claim(limit);
  EXPECT_EQ(second.jobs.size(), 1u);
  EXPECT_EQ(second.again, begun + minutes(1));
  now_ = begun + minutes(1) - Duration(1);
  EXPECT_THAT(limited_claim(limit).jobs, IsEmpty());
  now_ = begun + minutes(1);
  EXPECT_EQ(limited_claim(limit).jobs.size(), 2u) << "the third of the span began 20 s ago";
}

TEST_F(ControlsTest, a_claim_that_got_all_it_wanted_need_not_come_again) {
  insert_many(2);
  EXPECT_EQ(limited_claim({.runs = 10, .per = minutes(1)}, 2).again, std::nullopt);
}

TEST_F(ControlsTest, what_finds_no_job_uses_up_nothing) {
  const RateLimit limit{.runs = 2, .per = minutes(1)};
  EXPECT_THAT(limited_claim(limit).jobs, IsEmpty());
  insert_many(5);
  EXPECT_EQ(limited_claim(limit).jobs.size(), 2u);
}

TEST_F(ControlsTest, a_lower_limit_counts_what_a_higher_one_allowed) {
  insert_many(20);
  EXPECT_EQ(limited_claim({.runs = 5, .per = minutes(1)}).jobs.size(), 5u);
  now_ += seconds(1);
  const auto lower = limited_claim({.runs = 2, .per = minutes(1)});
  EXPECT_THAT(lower.jobs, IsEmpty());
  EXPECT_EQ(lower.again, now_ - seconds(1) + minutes(1));
}

TEST_F(ControlsTest, a_clock_that_was_put_back_does_not_stop_a_task_for_years) {
  const RateLimit limit{.runs = 1, .per = minutes(1)};
  insert_many(5);
  EXPECT_EQ(limited_claim(limit).jobs.size(), 1u);
  now_ -= hours(24 * 365);
  EXPECT_EQ(limited_claim(limit).again, now_ + minutes(1));
  now_ += minutes(1);
  EXPECT_EQ(limited_claim(limit).jobs.size(), 1u);
}

}  // namespace
}  // namespace host
