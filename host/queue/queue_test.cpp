// SPDX-License-Identifier: Apache-2.0
#include "queue/queue.hpp"

#include <gmock/gmock.h>

#include "queue/job_table.hpp"
#include "queue/queue_fixture.hpp"
#include "store/event.hpp"

namespace host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = Verdict::Kind;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_F(QueueTest, a_job_goes_its_way) {
  const auto id = insert_one({.task = "work"});
  EXPECT_THAT(ready_, ElementsAre("work"));
  const auto claimed = claim().at(0);
  EXPECT_EQ(claimed.run.job, id);
  EXPECT_TRUE(queue_->holds(claimed.run));
  EXPECT_EQ(finish(claimed.run, {.kind = Kind::completed}).state, JobState::completed);
  EXPECT_FALSE(queue_->holds(claimed.run));
  EXPECT_EQ(queue_->stats().finished, 1u);
}

TEST_F(QueueTest, the_key_is_the_same_in_each_run_and_another_jobs_is_another) {
  insert({{.task = "work"}, {.task = "work"}});
  const auto first = claim(2);
  EXPECT_NE(first.at(0).key, first.at(1).key);
  finish(first.at(0).run, {.kind = Kind::interrupted});
  EXPECT_EQ(claim().at(0).key, first.at(0).key);
}

TEST_F(QueueTest, an_insert_and_the_claim_that_it_causes_reach_the_store_together) {
  std::vector<ClaimedJob> claimed;
  queue_->set_ready_handler([&](const std::string& task) {
    queue_->claim(task, 5, [&](Result<Claimed> jobs) { claimed = jobs.value().jobs; });
  });
  store_.sizes.clear();
  insert({{.task = "work"}});
  EXPECT_EQ(claimed.size(), 1u);
  EXPECT_THAT(store_.sizes, ElementsAre(2));
}

TEST_F(QueueTest, the_ends_of_many_runs_in_one_turn_are_one_submit) {
  insert({{.task = "work"}, {.task = "work"}, {.task = "work"}});
  const auto claimed = claim(3);
  store_.sizes.clear();
  int ended = 0;
  for (const auto& job : claimed) {
    queue_->finish(job.run, {.kind = Kind::completed}, {}, {},
                   [&](Result<Finished> finished) { ended += finished.ok(); });
  }
  loop_.drain();
  EXPECT_EQ(ended, 3);
  EXPECT_THAT(store_.sizes, ElementsAre(3));
}

TEST_F(QueueTest, an_insert_is_all_or_nothing_and_refused_before_it_is_asked) {
  store_.sizes.clear();
  EXPECT_THROW(insert({{.task = "work"}, {.task = "work", .priority = -1}}), Error);
  EXPECT_THAT(store_.sizes, IsEmpty());
  EXPECT_THAT(claim(5), IsEmpty());
}

TEST_F(QueueTest, a_delayed_job_becomes_ready_at_its_time_by_one_timer) {
  insert({{.task = "work", .delay = minutes(5)}, {.task = "other", .delay = minutes(9)}});
  EXPECT_THAT(ready_, IsEmpty());
  EXPECT_EQ(loop_.armed(), 1u);
  loop_.advance(minutes(5) - seconds(1));
  EXPECT_THAT(ready_, IsEmpty());
  loop_.advance(seconds(1));
  EXPECT_THAT(ready_, ElementsAre("work"));
  loop_.advance(minutes(4));
  EXPECT_THAT(ready_, ElementsAre("work", "other"));
  EXPECT_EQ(loop_.armed(), 0u) << "an idle queue has no timer";
}

TEST_F(QueueTest, an_earlier_due_time_moves_the_timer) {
  insert({{.task = "late", .delay = minutes(50)}});
  insert({{.task = "work", .delay = minutes(1)}});
  EXPECT_EQ(loop_.armed(), 1u);
  loop_.advance(minutes(1));
  EXPECT_THAT(ready_, ElementsAre("work"));
}

TEST_F(QueueTest, a_retry_comes_back_after_its_back_off) {
  insert_one({.task = "work"});
  ready_.clear();
  const auto finished = finish(claim().at(0).run, {.kind = Kind::failed});
  EXPECT_EQ(finished.state, JobState::retryable);
  EXPECT_THAT(ready_, IsEmpty());
  loop_.advance(seconds(5));
  EXPECT_THAT(ready_, ElementsAre("work"));
  EXPECT_EQ(claim().at(0).attempt, 2);
}

TEST_F(QueueTest, a_wall_clock_that_is_set_expires_and_delays_nothing) {
  insert({{.task = "work", .delay = minutes(5)}});
  loop_.fake_clock().set_wall(loop_.clock().wall() + std::chrono::hours(24 * 3650));
  loop_.advance(minutes(5) - seconds(1));
  EXPECT_THAT(ready_, IsEmpty());
  loop_.fake_clock().set_wall(WallTime{});
  loop_.advance(seconds(1));
  EXPECT_THAT(ready_, ElementsAre("work"));
}

TEST_F(QueueTest, after_a_sleep_of_the_machine_the_next_turn_finds_what_is_due) {
  insert({{.task = "work", .delay = minutes(5)}});
  loop_.fake_clock().suspend(minutes(10));
  insert({{.task = "any"}});
  EXPECT_THAT(ready_, testing::Contains("work"));
}

TEST_F(QueueTest, what_is_written_with_an_end_stands_or_falls_with_it) {
  insert({{.task = "work"}, {.task = "work"}});
  const auto claimed = claim(2);
  finish(claimed.at(0).run, {.kind = Kind::completed},
         [](Unit& unit, JobState) { unit.run("INSERT INTO state VALUES('p', 'k', x'31', 1)"); });
  EXPECT_THROW(finish(claimed.at(1).run, {.kind = Kind::completed},
                      [](Unit& unit, JobState) {
                        unit.run("UPDATE state SET value=x'32'");
                        throw Error(Code::not_granted, "no");
                      }),
               Error);
  EXPECT_EQ(show(claimed.at(1).run.job).state, JobState::running);
  EXPECT_TRUE(queue_->holds(claimed.at(1).run));
  EXPECT_EQ(store_.run_now([](Unit& unit) {
    auto& row = unit.query("SELECT value FROM state");
    row.step();
    return row.string(0);
  }),
            "1");
}

TEST_F(QueueTest, a_stale_end_is_an_error_writes_nothing_and_is_counted) {
  insert_one({.task = "work"});
  const auto run = claim().at(0).run;
  finish(run, {.kind = Kind::interrupted});
  bool also = false;
  try {
    finish(run, {.kind = Kind::completed}, [&](Unit&, JobState) { also = true; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::stale);
  }
  EXPECT_FALSE(also);
  EXPECT_EQ(queue_->stats().stale, 1u);
}

TEST_F(QueueTest, an_end_that_the_disk_refuses_is_tried_until_it_is_stored) {
  insert_one({.task = "work"});
  const auto run = claim().at(0).run;
  store_.inner().fail_next(Error(Code::io, "disk full"), 3);
  std::optional<JobState> state;
  queue_->finish(run, {.kind = Kind::completed}, {}, {},
                 [&](Result<Finished> finished) { state = finished.value().state; });
  loop_.advance(seconds(2));
  EXPECT_EQ(state, std::nullopt);
  loop_.advance(seconds(5));
  EXPECT_EQ(state, JobState::completed);
}

TEST_F(QueueTest, an_end_is_tried_again_whatever_the_store_says) {
  insert_one({.task = "work"});
  const auto run = claim().at(0).run;
  store_.inner().fail_next(Error(Code::internal, "something odd"), 2);
  std::optional<JobState> state;
  queue_->finish(run, {.kind = Kind::completed}, {}, {},
                 [&](Result<Finished> finished) { state = finished.value().state; });
  loop_.advance(seconds(5));
  EXPECT_EQ(state, JobState::completed);
  EXPECT_THAT(*lines_, testing::Contains(testing::HasSubstr("something odd")));
}

TEST_F(QueueTest, runs_are_given_back_whatever_the_store_says) {
  const auto id = insert_one({.task = "work"});
  const auto run = claim().at(0).run;
  store_.inner().fail_next(Error(Code::internal, "something odd"), 2);
  bool done = false;
  queue_->give_back({run}, [&](const Result<std::vector<JobId>>& back) { done = back.ok(); });
  loop_.advance(seconds(5));
  EXPECT_TRUE(done);
  EXPECT_EQ(show(id).state, JobState::available);
}

TEST_F(QueueTest, jobs_that_are_due_while_the_disk_fails_are_not_forgotten) {
  insert({{.task = "work", .delay = minutes(1)}});
  store_.inner().fail_next(Error(Code::io, "disk full"), 2);
  loop_.advance(minutes(1) + seconds(5));
  EXPECT_THAT(ready_, ElementsAre("work"));
}

TEST_F(QueueTest, a_new_host_gives_back_what_the_old_one_ran_and_fences_it_off) {
  const auto id = insert_one({.task = "work"});
  const auto old_run = claim().at(0).run;
  queue_.reset();
  start();
  EXPECT_EQ(recovery_.interrupted, 1);
  EXPECT_EQ(show(id).state, JobState::available);
  EXPECT_EQ(show(id).attempt, 0);
  EXPECT_THROW(finish(old_run, {.kind = Kind::completed}), Error);
  EXPECT_EQ(claim().at(0).run.job, id);
}

TEST_F(QueueTest, a_new_host_arms_the_timer_for_what_was_scheduled) {
  insert({{.task = "work", .delay = minutes(5)}});
  queue_.reset();
  start();
  loop_.advance(minutes(5));
  EXPECT_THAT(ready_, ElementsAre("work"));
}

TEST_F(QueueTest, nothing_is_claimed_before_the_queue_was_recovered) {
  queue_ = std::make_unique<Queue>(store_, loop_, log_);
  EXPECT_THROW(claim(), Error);
}

TEST_F(QueueTest, recovery_waits_for_the_check_of_the_file) {
  store_.checked = false;
  queue_ = std::make_unique<Queue>(store_, loop_, log_);
  bool recovered = false;
  queue_->recover([&](Result<Recovery>) { recovered = true; });
  loop_.drain();
  EXPECT_FALSE(recovered);
  for (auto& then : store_.waiting) then();
  loop_.drain();
  EXPECT_TRUE(recovered);
}

TEST_F(QueueTest, runs_that_never_began_are_ready_again) {
  insert({{.task = "work"}, {.task = "work"}});
  const auto claimed = claim(2);
  ready_.clear();
  const auto cancelled = wait<std::vector<JobId>>([&](auto reply) {
    queue_->give_back({claimed.at(0).run, claimed.at(1).run}, std::move(reply));
  });
  EXPECT_THAT(cancelled, IsEmpty());
  EXPECT_THAT(ready_, ElementsAre("work"));
  EXPECT_EQ(queue_->stats().running, 0u);
  EXPECT_EQ(claim(5).size(), 2u);
}

TEST_F(QueueTest, cancel_names_the_run_that_must_be_told) {
  const auto id = insert_one({.task = "work"});
  const auto run = claim().at(0).run;
  const auto cancelled = wait<Cancelled>([&](auto reply) { queue_->cancel(id, std::move(reply)); });
  EXPECT_EQ(cancelled.running, run);
}

TEST_F(QueueTest, retry_makes_the_task_ready) {
  const auto id = insert_one({.task = "work", .max_attempts = 1});
  finish(claim().at(0).run, {.kind = Kind::failed});
  ready_.clear();
  EXPECT_EQ(wait<Job>([&](auto reply) { queue_->retry(id, std::move(reply)); }).state,
            JobState::available);
  EXPECT_THAT(ready_, ElementsAre("work"));
}

TEST_F(QueueTest, a_job_that_somebody_elses_transaction_inserted_is_taken_up) {
  const auto inserted = store_.run_now([&](Unit& unit) {
    return insert_job(unit, {.task = "work", .delay = minutes(1)}, queue_->now());
  });
  queue_->note_inserted("work", inserted.due);
  queue_->note_inserted("other", std::nullopt);
  loop_.drain();
  EXPECT_THAT(ready_, ElementsAre("other"));
  loop_.advance(minutes(1));
  EXPECT_THAT(ready_, ElementsAre("other", "work"));
}

TEST_F(QueueTest, old_jobs_go_when_there_is_something_to_do_anyway) {
  queue_->set_retention({.completed = minutes(30)});
  const auto id = insert_one({.task = "work"});
  finish(claim().at(0).run, {.kind = Kind::completed});
  insert({{.task = "work"}});
  loop_.advance(minutes(31));
  EXPECT_EQ(loop_.armed(), 0u);
  insert({{.task = "work"}});
  EXPECT_THROW(show(id), Error);
  EXPECT_EQ(queue_->stats().pruned, 1u);
}

TEST_F(QueueTest, a_round_of_pruning_goes_on_until_it_is_through) {
  queue_->set_retention({.completed = minutes(30)});
  // More than two steps of them that are not old, before one that is.
  constexpr int kLate = 1'001;
  insert(std::vector<NewJob>(kLate, {.task = "work"}));
  const auto late = claim(kLate);
  const auto old = insert_one({.task = "work"});
  finish(claim().at(0).run, {.kind = Kind::completed});
  loop_.advance(minutes(31));
  queue_->set_retention({.completed = minutes(30)});
  for (const auto& job : late)
    queue_->finish(job.run, {.kind = Kind::completed}, {}, {}, [](const Result<Finished>&) {});
  loop_.drain();
  loop_.advance(minutes(11));
  insert({{.task = "work"}});
  EXPECT_THROW(show(old), Error);
  EXPECT_EQ(queue_->stats().pruned, 1u);
}

TEST_F(QueueTest, what_was_written_down_about_the_host_goes_in_its_time) {
  const auto write = [&](WallTime at) {
    store_.run_now([at](Unit& unit) {
      record_event(unit, at, "odd", "host", "");
      unit.run("INSERT INTO audit(at, who, what, target, result) VALUES(?, 'w', 'w', 't', 'ok')",
               at);
      unit.run(
          "INSERT INTO intents(job, lease, method, target, request_hash, state, created, resolved) "
          "VALUES(1, 1, 'POST', 't', 'h', 'done', ?1, ?1)",
          at);
    });
  };
  using Days = std::chrono::days;
  const std::vector<int> ages{366, 364, 31, 29};
  for (const int age : ages) write(queue_->now() - Days(age));
  loop_.advance(minutes(2));
  insert({{.task = "work"}});
  const auto left = [&](const std::string& table) {
    return store_.run_now([table](Unit& unit) {
      auto& row = unit.query("SELECT count(*) FROM " + table);
      row.step();
      return row.integer(0);
    });
  };
  EXPECT_EQ(left("events"), 1) << "30 days";
  EXPECT_EQ(left("intents"), 1) << "30 days";
  EXPECT_EQ(left("audit"), 3) << "365 days";
}

TEST_F(QueueTest, a_queue_that_is_gone_calls_nobody_but_stores_what_was_asked) {
  bool called = false;
  queue_->insert({{.task = "work"}}, [&](Result<std::vector<Inserted>>) { called = true; });
  queue_.reset();
  loop_.drain();
  EXPECT_FALSE(called);
  start();
  EXPECT_EQ(claim().size(), 1u);
}

TEST_F(QueueTest, it_knows_when_each_task_last_ended_a_run) {
  insert({{.task = "work"}, {.task = "other"}});
  loop_.advance(minutes(1));
  finish(claim().at(0).run, {.kind = Kind::completed});
  const auto last = wait<std::map<std::string, WallTime>>(
      [&](auto reply) { queue_->last_ends(std::move(reply)); });
  EXPECT_EQ(last.size(), 1u);
  EXPECT_EQ(last.at("work"), queue_->now());
}

TEST_F(QueueTest, a_pause_outlives_the_host) {
  EXPECT_TRUE(wait<bool>(
      [&](auto reply) { queue_->set_paused(Pausable::task, "work", true, std::move(reply)); }));
  EXPECT_TRUE(queue_->pauses().tasks.contains("work"));
  start();
  EXPECT_TRUE(queue_->pauses().tasks.contains("work"));
  wait<bool>(
      [&](auto reply) { queue_->set_paused(Pausable::task, "work", false, std::move(reply)); });
  start();
  EXPECT_THAT(queue_->pauses().tasks, IsEmpty());
}

TEST_F(QueueTest, the_end_of_a_keyed_run_makes_the_next_one_ready) {
  insert({{.task = "work", .concurrency_key = "app"}, {.task = "work", .concurrency_key = "app"}});
  const auto run = claim(5).at(0).run;
  EXPECT_THAT(claim(5), IsEmpty());
  ready_.clear();
  finish(run, {.kind = Kind::completed});
  EXPECT_THAT(ready_, ElementsAre("work"));
  EXPECT_EQ(claim(5).size(), 1u);
}

TEST_F(QueueTest, an_order_for_many_needs_the_count_that_there_is) {
  for (int i = 0; i < 450; ++i) insert_one({.task = "work"});
  std::optional<Error> refused;
  queue_->order(BulkAction::cancel, {.state = {}, .task = "work"}, 449, {},
                [&](Result<BulkOutcome> outcome) { refused = outcome.error(); });
  loop_.drain();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), Code::conflict);
  EXPECT_EQ(claim().size(), 1u) << "nothing was done";
  std::vector<JobId> stopped;
  const auto outcome = wait<BulkOutcome>([&](auto reply) {
    queue_->order(
        BulkAction::cancel, {.state = {}, .task = "work"}, 450,
        [&](RunId run) { stopped.push_back(run.job); }, std::move(reply));
  });
  EXPECT_EQ(outcome.changed, 450) << "in more than one step";
  EXPECT_EQ(outcome.stopping, 1);
  EXPECT_EQ(stopped.size(), 1u);
  EXPECT_THAT(claim(5), IsEmpty());
}

TEST_F(QueueTest, an_order_for_many_leaves_what_came_after_the_count) {
  for (int i = 0; i < 450; ++i) insert_one({.task = "work"});
  std::optional<BulkOutcome> outcome;
  queue_->order(BulkAction::cancel, {.state = {}, .task = "work"}, 450, {},
                [&](Result<BulkOutcome> done) { outcome = done.value(); });
  // Stands in the store's line behind the first step and before the second.
  const auto late = insert_one({.task = "work"});
  loop_.drain();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->changed, 450);
  EXPECT_EQ(claim(5).at(0).run.job, late);
}

}  // namespace
}  // namespace host
