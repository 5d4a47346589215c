// SPDX-License-Identifier: Apache-2.0
#include "queue/job_table.hpp"

#include <gmock/gmock.h>

#include "queue/job_table_fixture.hpp"

namespace host {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(JobTableTest, a_job_goes_from_insert_to_completed_with_its_history) {
  const auto id = insert({.payload = "{\"n\":1}", .source = "cli"});
  EXPECT_EQ(job(id).state, JobState::available);
  const auto claimed = claim().at(0);
  EXPECT_EQ(claimed.run.job, id);
  EXPECT_EQ(claimed.attempt, 1);
  EXPECT_EQ(claimed.payload, "{\"n\":1}");
  EXPECT_EQ(job(id).state, JobState::running);
  now_ += seconds(3);
  Verdict verdict{.kind = Kind::completed, .result = "{\"ok\":true}"};
  verdict.usage = {.cpu = seconds(1), .max_rss_bytes = 4096};
  verdict.output = "hello\n";
  EXPECT_EQ(finish(claimed.run, verdict)->state, JobState::completed);
  const auto after = job(id);
  EXPECT_EQ(after.state, JobState::completed);
  EXPECT_EQ(after.result, "{\"ok\":true}");
  EXPECT_EQ(after.ended_at, now_);
  const auto history = attempts(id);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].ended - history[0].began, seconds(3));
  EXPECT_EQ(history[0].verdict.kind, Kind::completed);
  EXPECT_EQ(history[0].verdict.usage.cpu, seconds(1));
  EXPECT_EQ(history[0].verdict.usage.max_rss_bytes, 4096u);
  EXPECT_EQ(history[0].verdict.output, "hello\n");
}

TEST_F(JobTableTest, wrong_jobs_are_refused_by_field) {
  const auto refused = [&](const NewJob& job) {
    try {
      check_new_job(job);
      return std::string();
    } catch (const Error& error) {
      return error.message();
    }
  };
  EXPECT_THAT(refused({}), HasSubstr("task"));
  EXPECT_THAT(refused({.task = "t", .priority = 10}), HasSubstr("priority"));
  EXPECT_THAT(refused({.task = "t", .max_attempts = 0}), HasSubstr("max_attempts"));
  EXPECT_THAT(refused({.task = "t", .payload = std::string(kPayloadCap + 1, 'x')}),
              HasSubstr("payload"));
  EXPECT_EQ(refused({.task = "t", .payload = std::string(kPayloadCap, 'x')}), "");
}

TEST_F(JobTableTest, lower_priority_numbers_go_first_and_equal_ones_by_age) {
  const auto normal = insert({});
  const auto later = insert({});
  const auto urgent = insert({.priority = 0});
  std::vector<JobId> order;
  for (const auto& claimed : claim(10)) order.push_back(claimed.run.job);
  EXPECT_THAT(order, ElementsAre(urgent, normal, later));
}

TEST_F(JobTableTest, a_job_of_low_priority_that_waited_long_enough_overtakes) {
  const auto low = insert({.priority = 9});
  now_ += hours(2);
  insert({.priority = 0});
  EXPECT_EQ(claim_one().job, low);
}

TEST_F(JobTableTest, a_claim_takes_only_its_task_and_no_more_than_asked) {
  insert({.task = "other"});
  insert({}), insert({}), insert({});
  EXPECT_EQ(claim(2).size(), 2u);
  EXPECT_EQ(claim(10).size(), 1u);
  EXPECT_THAT(claim(10), IsEmpty());
}

TEST_F(JobTableTest, a_stale_run_changes_nothing) {
  const auto id = insert({.max_attempts = 3});
  const auto first = claim_one();
  finish(first, Kind::interrupted);
  const auto second = claim_one();
  ASSERT_NE(first.lease, second.lease);
  for (const auto kind : {Kind::completed, Kind::failed, Kind::crashed, Kind::interrupted}) {
    EXPECT_EQ(finish(first, kind), std::nullopt);
  }
  EXPECT_EQ(in_unit([&](Unit& unit) { return give_back(unit, first, now_); }), std::nullopt);
  EXPECT_THROW(in_unit([&](Unit& unit) { require_current(unit, first); }), Error);
  EXPECT_THROW(in_unit([&](Unit& unit) { set_progress(unit, first, "{}"); }), Error);
  EXPECT_EQ(job(id).state, JobState::running);
  EXPECT_EQ(attempts(id).size(), 1u);
  EXPECT_NO_THROW(in_unit([&](Unit& unit) { require_current(unit, second); }));
}

TEST_F(JobTableTest, a_completion_counts_once) {
  insert({});
  const auto run = claim_one();
  EXPECT_TRUE(finish(run, Kind::completed));
  EXPECT_FALSE(finish(run, Kind::completed));
}

TEST_F(JobTableTest, a_failure_is_tried_again_after_its_back_off_until_attempts_run_out) {
  const auto id = insert({.max_attempts = 2});
  const auto finished = finish(claim_one(), {.kind = Kind::failed, .code = "odd", .message = "why"},
                               {.base = seconds(10), .cap = hours(1)});
  EXPECT_EQ(finished->state, JobState::retryable);
  EXPECT_NEAR(static_cast<double>((*finished->next_run - now_).count()), 10e6, 20);
  EXPECT_EQ(job(id).due, finished->next_run);
  EXPECT_EQ(attempts(id).at(0).verdict.message, "why");
  EXPECT_EQ(attempts(id).at(0).next_run, finished->next_run);
  EXPECT_THAT(claim(), IsEmpty());
  EXPECT_EQ(promote().next_due, finished->next_run);
  now_ += seconds(10);
  EXPECT_THAT(promote().tasks, ElementsAre("work"));
  EXPECT_EQ(finish(claim_one(), Kind::timed_out)->state, JobState::discarded);
  EXPECT_EQ(job(id).ended_at, now_);
}

TEST_F(JobTableTest, the_other_sides_retry_after_is_kept) {
  insert({});
  const auto finished = finish(claim_one(), {.kind = Kind::failed, .delay = minutes(7)});
  EXPECT_EQ(finished->next_run, now_ + minutes(7));
}

TEST_F(JobTableTest, a_permanent_failure_is_not_tried_again) {
  insert({});
  EXPECT_EQ(finish(claim_one(), {.kind = Kind::failed, .permanent = true})->state,
            JobState::discarded);
}

TEST_F(JobTableTest, a_snooze_burns_no_attempt) {
  const auto id = insert({.max_attempts = 1});
  for (int i = 0; i < 3; ++i) {
    const auto finished = finish(claim_one(), {.kind = Kind::snoozed, .delay = minutes(1)});
    EXPECT_EQ(finished->state, JobState::scheduled);
    EXPECT_EQ(job(id).attempt, 0);
    now_ += minutes(1);
    promote();
  }
  EXPECT_EQ(claim().at(0).attempt, 1);
}

TEST_F(JobTableTest, three_crashes_make_poison_with_its_evidence) {
  const auto id = insert({.max_attempts = 10});
  for (int crash = 1; crash <= 2; ++crash) {
    EXPECT_EQ(finish(claim_one(), Kind::crashed)->state, JobState::retryable);
    now_ += hours(2);
    promote();
    EXPECT_EQ(job(id).crashes, crash);
  }
  const auto last = claim().at(0);
  EXPECT_EQ(last.crashes, 2);
  const auto finished =
      finish(last.run, {.kind = Kind::crashed, .code = "signal", .signal = 11, .output = "boom"});
  EXPECT_EQ(finished->state, JobState::discarded);
  EXPECT_TRUE(finished->poison);
  EXPECT_EQ(attempts(id).size(), 3u);
  EXPECT_EQ(attempts(id).back().verdict.signal, 11);
  EXPECT_EQ(attempts(id).back().verdict.output, "boom");
  EXPECT_THAT(event_kinds(), ElementsAre("job_poison"));
}

TEST_F(JobTableTest, a_crash_is_an_attempt) {
  insert({.max_attempts = 1});
  EXPECT_EQ(finish(claim_one(), Kind::crashed)->state, JobState::discarded);
}

TEST_F(JobTableTest, an_interrupted_run_burns_no_attempt_and_is_available_at_once) {
  const auto id = insert({.max_attempts = 1});
  EXPECT_EQ(finish(claim_one(), Kind::interrupted)->state, JobState::available);
  EXPECT_EQ(job(id).attempt, 0);
  EXPECT_EQ(job(id).interrupted, 1);
  EXPECT_EQ(attempts(id).at(0).verdict.kind, Kind::interrupted);
}

TEST_F(JobTableTest, too_many_interruptions_hold_the_job_until_somebody_retries_it) {
  const auto id = insert({});
  for (int i = 0; i < kInterruptLimit; ++i) finish(claim_one(), Kind::interrupted);
  const auto finished = finish(claim_one(), Kind::interrupted);
  EXPECT_TRUE(finished->held);
  EXPECT_EQ(finished->next_run, std::nullopt);
  EXPECT_THAT(job(id).held, HasSubstr("21 times"));
  now_ += hours(10'000);
  EXPECT_THAT(promote().tasks, IsEmpty());
  EXPECT_THAT(claim(), IsEmpty());
  EXPECT_THAT(in_unit([](Unit& unit) { return list_jobs(unit, {.held = true}, {}); }).jobs,
              testing::SizeIs(1));
  EXPECT_THAT(event_kinds(), ElementsAre("job_held"));
  in_unit([&](Unit& unit) { return retry_job(unit, id, now_); });
  EXPECT_EQ(job(id).held, "");
  EXPECT_EQ(claim_one().job, id);
}

TEST_F(JobTableTest, a_run_that_never_began_goes_back_at_no_cost_and_fenced) {
  const auto id = insert({});
  const auto run = claim_one();
  EXPECT_EQ(in_unit([&](Unit& unit) { return give_back(unit, run, now_); }), JobState::available);
  EXPECT_EQ(job(id).attempt, 0);
  EXPECT_EQ(job(id).interrupted, 0);
  EXPECT_THAT(attempts(id), IsEmpty());
  EXPECT_GT(claim_one().lease, run.lease);
}

TEST_F(JobTableTest, runs_of_another_instance_are_given_back_and_this_ones_are_not) {
  const auto theirs = insert({});
  claim(1, 7);
  const auto ours = insert({});
  claim(1, 8);
  const auto asked = insert({});
  claim(1, 7);
  in_unit([&](Unit& unit) { return cancel_job(unit, asked, now_); });
  const auto recovery = in_unit([&](Unit& unit) { return recover_runs(unit, 8, now_); });
  EXPECT_EQ(recovery.interrupted, 2);
  EXPECT_EQ(recovery.cancelled, 1);
  EXPECT_EQ(job(theirs).state, JobState::available);
  EXPECT_EQ(job(theirs).interrupted, 1);
  EXPECT_EQ(job(ours).state, JobState::running);
  EXPECT_EQ(job(asked).state, JobState::cancelled);
  EXPECT_EQ(attempts(theirs).at(0).verdict.code, "host_ended");
}

TEST_F(JobTableTest, a_waiting_duplicate_is_not_inserted) {
  const auto first = insert({.unique_key = "repo#1"});
  const auto second = in_unit(
      [&](Unit& unit) { return insert_job(unit, {.task = "work", .unique_key = "repo#1"}, now_); });
  EXPECT_TRUE(second.duplicate);
  EXPECT_EQ(second.id, first);
  EXPECT_NE(insert({.unique_key = "repo#2"}), first);
  EXPECT_NE(insert({.task = "other", .unique_key = "repo#1"}), first);
}

TEST_F(JobTableTest, what_comes_while_its_item_is_worked_on_is_another_pass) {
  const auto first = insert({.unique_key = "k"});
  const auto run = claim_one();
  const auto second = insert({.unique_key = "k"});
  EXPECT_NE(first, second);
  // The first one waits again: it has lost its key to the second.
  EXPECT_EQ(finish(run, Kind::failed)->state, JobState::retryable);
  EXPECT_EQ(job(first).unique_key, "");
  EXPECT_EQ(job(second).unique_key, "k");
}

TEST_F(JobTableTest, a_job_that_waits_for_its_retry_still_absorbs_duplicates) {
  const auto first = insert({.unique_key = "k"});
  finish(claim_one(), Kind::failed);
  EXPECT_EQ(insert({.unique_key = "k"}), first);
}

TEST_F(JobTableTest, past_the_window_a_waiting_job_no_longer_counts) {
  const NewJob job{.unique_key = "k", .unique_window = minutes(5)};
  const auto first = insert(job);
  now_ += minutes(5);
  EXPECT_EQ(insert(job), first);
  now_ += seconds(1);
  const auto second = insert(job);
  EXPECT_NE(second, first);
  EXPECT_EQ(insert(job), second);
}

TEST_F(JobTableTest, a_delayed_job_waits_for_its_time) {
  const auto inserted = in_unit(
      [&](Unit& unit) { return insert_job(unit, {.task = "work", .delay = minutes(1)}, now_); });
  EXPECT_EQ(inserted.due, now_ + minutes(1));
  EXPECT_EQ(job(inserted.id).state, JobState::scheduled);
  EXPECT_THAT(promote().tasks, IsEmpty());
  now_ += minutes(1);
  EXPECT_THAT(promote().tasks, ElementsAre("work"));
  EXPECT_EQ(claim_one().job, inserted.id);
}

TEST_F(JobTableTest, cancel_ends_a_waiting_job_at_once) {
  const auto id = insert({});
  EXPECT_EQ(in_unit([&](Unit& unit) { return cancel_job(unit, id, now_); }).state,
            JobState::cancelled);
  EXPECT_THAT(claim(), IsEmpty());
}

TEST_F(JobTableTest, cancel_of_a_running_job_is_asked_for_and_its_end_makes_it_cancelled) {
  for (const auto kind : {Kind::failed, Kind::crashed, Kind::interrupted, Kind::cancelled}) {
    const auto id = insert({});
    const auto run = claim_one();
    const auto cancelled = in_unit([&](Unit& unit) { return cancel_job(unit, id, now_); });
    EXPECT_EQ(cancelled.state, JobState::running);
    EXPECT_EQ(cancelled.running, run);
    EXPECT_EQ(finish(run, kind)->state, JobState::cancelled);
  }
}

TEST_F(JobTableTest, a_run_that_completes_before_it_is_cancelled_wins) {
  const auto id = insert({});
  const auto run = claim_one();
  in_unit([&](Unit& unit) { return cancel_job(unit, id, now_); });
  EXPECT_EQ(finish(run, Kind::completed)->state, JobState::completed);
}

TEST_F(JobTableTest, retry_starts_an_ended_job_afresh_and_keeps_its_history) {
  const auto id = insert({.max_attempts = 1});
  finish(claim_one(), Kind::failed);
  in_unit([&](Unit& unit) { return retry_job(unit, id, now_); });
  EXPECT_EQ(claim().at(0).attempt, 1);
  EXPECT_EQ(attempts(id).size(), 1u);
  EXPECT_THROW(in_unit([&](Unit& unit) { return retry_job(unit, id, now_); }), Error);
}

TEST_F(JobTableTest, a_completed_job_that_runs_again_keeps_the_attempt_that_completed_it) {
  const auto id = insert({});
  now_ += seconds(1);
  const auto first = claim_one();
  now_ += seconds(1);
  Verdict verdict{.kind = Kind::completed, .output = "hello"};
  verdict.usage = {.cpu = std::chrono::milliseconds(7), .max_rss_bytes = 4096};
  finish(first, verdict);
  const auto before = attempts(id);
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].lease, first.lease);
  EXPECT_EQ(before[0].attempt, 1);
  EXPECT_EQ(before[0].verdict.kind, Kind::completed);
  EXPECT_EQ(before[0].verdict.usage.cpu, std::chrono::milliseconds(7));
  EXPECT_EQ(before[0].verdict.usage.max_rss_bytes, 4096u);
  EXPECT_EQ(before[0].verdict.output, "hello");
  EXPECT_EQ(before[0].began, now_ - seconds(1));
  EXPECT_EQ(before[0].ended, now_);
  in_unit([&](Unit& unit) { return retry_job(unit, id, now_); });
  EXPECT_EQ(attempts(id).size(), 1u);
  finish(claim_one(), Kind::completed);
  const auto both = attempts(id);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].verdict.output, "hello");
  EXPECT_EQ(both[1].verdict.output, "");
  EXPECT_EQ(both[1].lease, RunLease(first.lease.value() + 1));
}

TEST_F(JobTableTest, a_job_that_is_not_there_is_named) {
  for (const auto& act : std::vector<std::function<void(Unit&)>>{
           [&](Unit& unit) { cancel_job(unit, JobId(99), now_); },
           [&](Unit& unit) { retry_job(unit, JobId(99), now_); },
           [&](Unit& unit) { read_job(unit, JobId(99)); }}) {
    try {
      in_unit(act);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::not_found);
      EXPECT_THAT(error.message(), HasSubstr("99"));
    }
  }
}

TEST_F(JobTableTest, only_so_many_attempts_of_a_job_are_kept) {
  const auto id = insert({});
  for (int i = 0; i < kAttemptsKept + 10; ++i) {
    finish(claim_one(), {.kind = Kind::snoozed, .delay = seconds(1)});
    now_ += seconds(1);
    promote();
  }
  EXPECT_EQ(attempts(id).size(), static_cast<std::size_t>(kAttemptsKept));
  EXPECT_EQ(attempts(id).back().lease, RunLease(kAttemptsKept + 10));
  EXPECT_EQ(in_unit([](Unit& unit) {
              auto& row = unit.query("SELECT count(*) FROM attempts");
              row.step();
              return row.integer(0);
            }),
            kAttemptsKept);
}

TEST_F(JobTableTest, a_cancelled_run_that_goes_back_ends_when_it_goes_back) {
  const auto id = insert({});
  const auto run = claim_one();
  now_ += seconds(7);
  in_unit([&](Unit& unit) { return cancel_job(unit, id, now_); });
  now_ += seconds(7);
  EXPECT_EQ(in_unit([&](Unit& unit) { return give_back(unit, run, now_); }), JobState::cancelled);
  EXPECT_EQ(job(id).ended_at, now_);
}

TEST_F(JobTableTest, only_the_last_lines_of_output_are_kept) {
  const auto id = insert({});
  finish(claim_one(), {.kind = Kind::failed, .output = std::string(kOutputCap, 'a') + "end"});
  EXPECT_EQ(attempts(id).at(0).verdict.output.size(), kOutputCap);
  EXPECT_THAT(attempts(id).at(0).verdict.output, testing::EndsWith("aend"));
}

TEST_F(JobTableTest, a_claim_of_large_payloads_takes_some_megabytes_at_a_time) {
  for (int i = 0; i < 10; ++i) insert({.payload = "\"" + std::string(900'000, 'x') + "\""});
  const auto all = [this](int count) {
    return in_unit([&](Unit& unit) { return claim_jobs(unit, "work", count, 1, now_); });
  };
  const auto first = all(10);
  EXPECT_EQ(first.jobs.size(), 5u);
  EXPECT_TRUE(first.more);
  const auto second = all(10);
  EXPECT_EQ(second.jobs.size(), 5u);
  EXPECT_LT(first.jobs.back().run, second.jobs.front().run);
  EXPECT_EQ(job(second.jobs.back().run.job).state, JobState::running);
  EXPECT_FALSE(all(10).more);
}

TEST_F(JobTableTest, a_result_past_the_cap_is_a_permanent_failure) {
  const auto id = insert({});
  EXPECT_EQ(
      finish(claim_one(), {.kind = Kind::completed, .result = std::string(kPayloadCap + 1, 'x')})
          ->state,
      JobState::discarded);
  EXPECT_EQ(attempts(id).at(0).verdict.code, "too_large");
}

}  // namespace
}  // namespace host
