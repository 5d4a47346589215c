// SPDX-License-Identifier: Apache-2.0
//
// Orders of operators. cancel and retry of one job stand in job_table_test.
#include <gmock/gmock.h>

#include "queue/job_table_fixture.hpp"

namespace host {
namespace {

using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class JobOrdersTest : public JobTableTest {
 protected:
  template <class Order>
  std::string refusal(Order order) {
    try {
      in_unit(order);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::conflict);
      return error.what();
    }
    return {};
  }
  BulkStep order(BulkAction action, const JobFilter& filter) {
    return in_unit([&](Unit& unit) {
      return order_jobs(unit, action, filter, matching_jobs(unit, filter, 100), now_);
    });
  }
};

TEST_F(JobOrdersTest, a_waiting_job_is_discarded_and_no_other) {
  const auto waiting = insert({});
  const auto running = insert({});
  EXPECT_EQ(in_unit([&](Unit& unit) { return discard_job(unit, waiting, now_); }).state,
            JobState::discarded);
  EXPECT_EQ(job(waiting).ended_at, now_);
  EXPECT_EQ(claim_one().job, running);
  EXPECT_THAT(refusal([&](Unit& unit) { return discard_job(unit, running, now_); }),
              HasSubstr("is running"));
  EXPECT_THAT(refusal([&](Unit& unit) { return discard_job(unit, waiting, now_); }),
              HasSubstr("is discarded"));
}

TEST_F(JobOrdersTest, what_is_due_later_runs_now_with_its_counters) {
  const auto id = insert({.max_attempts = 3});
  finish(claim_one(), Kind::failed);
  EXPECT_EQ(in_unit([&](Unit& unit) { return run_job_now(unit, id, now_); }).state,
            JobState::available);
  EXPECT_EQ(claim().at(0).attempt, 2);
  EXPECT_THAT(refusal([&](Unit& unit) { return run_job_now(unit, id, now_); }),
              HasSubstr("is running"));
}

TEST_F(JobOrdersTest, news_bring_a_failed_job_forward_and_cost_it_no_try) {
  const auto id = insert({.max_attempts = 2});
  const auto hasten = [&] {
    return in_unit([&](Unit& unit) { return hasten_job(unit, id, now_); });
  };
  EXPECT_FALSE(hasten()) << "it is available already";
  finish(claim_one(), Kind::failed);
  EXPECT_TRUE(hasten());
  EXPECT_EQ(job(id).state, JobState::available);
  finish(claim_one(), Kind::failed);
  EXPECT_EQ(job(id).state, JobState::retryable) << "its second try was that of the news";
  EXPECT_TRUE(hasten());
  claim_one();
  EXPECT_FALSE(hasten()) << "it runs";
}

TEST_F(JobOrdersTest, news_bring_a_delayed_job_forward_and_no_held_one) {
  const auto delayed = insert({.delay = std::chrono::hours(1), .max_attempts = 2});
  EXPECT_TRUE(in_unit([&](Unit& unit) { return hasten_job(unit, delayed, now_); }));
  EXPECT_EQ(claim_one().job, delayed);
  EXPECT_EQ(job(delayed).max_attempts, 2);
  const auto held = insert({});
  for (int i = 0; i <= kInterruptLimit; ++i) finish(claim_one(), Kind::interrupted);
  EXPECT_FALSE(in_unit([&](Unit& unit) { return hasten_job(unit, held, now_); }));
  EXPECT_NE(job(held).held, "");
}

TEST_F(JobOrdersTest, a_held_job_is_not_brought_forward_but_retried) {
  const auto id = insert({});
  for (int i = 0; i <= kInterruptLimit; ++i) finish(claim_one(), Kind::interrupted);
  EXPECT_NE(job(id).held, "");
  EXPECT_THAT(refusal([&](Unit& unit) { return run_job_now(unit, id, now_); }),
              HasSubstr("scheduled and held"));
}

TEST_F(JobOrdersTest, an_order_for_many_touches_what_matches_and_fits) {
  const auto later = insert({.delay = minutes(5)});
  const auto running = insert({.priority = 0});
  EXPECT_EQ(claim_one().job, running);
  const auto waiting = insert({});
  const auto other = insert({.task = "other"});
  const auto step = order(BulkAction::cancel, {.state = {}, .task = "work"});
  EXPECT_EQ(step.changed, 3);
  EXPECT_EQ(step.skipped, 0);
  ASSERT_EQ(step.running.size(), 1u);
  EXPECT_EQ(step.running[0].job, running);
  EXPECT_EQ(job(later).state, JobState::cancelled);
  EXPECT_EQ(job(waiting).state, JobState::cancelled);
  EXPECT_EQ(job(other).state, JobState::available);
  EXPECT_EQ(order(BulkAction::cancel, {.state = JobState::cancelled, .task = ""}).skipped, 2);
}

TEST_F(JobOrdersTest, what_no_longer_is_as_it_was_when_it_was_counted_is_left_alone) {
  const JobFilter filter{.state = JobState::available, .task = "work"};
  std::vector<JobId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(insert({}));
  const auto found = in_unit([&](Unit& unit) { return matching_jobs(unit, filter, 4); });
  EXPECT_THAT(found, ElementsAre(ids[0], ids[1], ids[2], ids[3]));
  claim_one();
  in_unit([&](Unit& unit) { return unit.run("DELETE FROM jobs WHERE id=?", ids[1]); });
  const auto step = in_unit(
      [&](Unit& unit) { return order_jobs(unit, BulkAction::cancel, filter, found, now_); });
  EXPECT_EQ(step.changed, 2);
  EXPECT_EQ(step.skipped, 2);
  EXPECT_THAT(step.running, IsEmpty());
  EXPECT_EQ(job(ids[0]).state, JobState::running);
  EXPECT_EQ(job(ids[4]).state, JobState::available);
}

TEST_F(JobOrdersTest, discarded_jobs_are_retried_all_at_once) {
  for (int i = 0; i < 3; ++i) insert({.max_attempts = 1});
  for (const auto& each : claim(3)) finish(each.run, Kind::failed);
  const auto step = order(BulkAction::retry, {.state = JobState::discarded, .task = ""});
  EXPECT_EQ(step.changed, 3);
  EXPECT_THAT(step.ready, ElementsAre("work"));
  EXPECT_EQ(claim(5).size(), 3u);
}

TEST_F(JobOrdersTest, matching_jobs_are_counted_up_to_a_cap) {
  for (int i = 0; i < 4; ++i) insert({});
  const auto count = [&](const JobFilter& filter, std::int64_t cap) {
    return in_unit([&](Unit& unit) { return count_matching(unit, filter, cap); });
  };
  EXPECT_EQ(count({.state = JobState::available, .task = "work"}, 100), 4);
  EXPECT_EQ(count({.state = JobState::available, .task = "work"}, 3), 3);
  EXPECT_EQ(count({.state = JobState::completed, .task = ""}, 100), 0);
}

}  // namespace
}  // namespace host
