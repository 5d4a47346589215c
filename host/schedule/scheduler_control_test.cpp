// SPDX-License-Identifier: Apache-2.0
//
// What an operator does to schedules by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "schedule/scheduler_fixture.hpp"
#include "schedule/tick_table.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SchedulerControlTest : public SchedulerTest {
 protected:
  // Whether it changed anything; an error throws.
  bool pause(const std::string& name) {
    return answer<bool>([&](auto done) { scheduler_->pause(name, done); });
  }
  bool resume(const std::string& name) {
    return answer<bool>([&](auto done) { scheduler_->resume(name, done); });
  }
  TickResult run_now(const std::string& name) {
    return answer<TickResult>([&](auto done) { scheduler_->run_now(name, done); });
  }

 private:
  template <class V, class Ask>
  V answer(Ask ask) {
    std::optional<Result<V>> answered;
    ask(Reply<V>([&](Result<V> result) { answered = std::move(result); }));
    loop_.drain();
    return std::move(answered.value()).value();
  }
};

TEST_F(SchedulerControlTest, APausedScheduleHasNoTicksAndMakesUpNoneWhenResumed) {
  set({task("beat", "* * * * *", CatchUp::all), task("other", "* * * * *")});
  loop_.advance(1min);
  EXPECT_TRUE(pause("beat"));
  EXPECT_TRUE(scheduler_->view("beat")->paused);
  EXPECT_EQ(scheduler_->next_run("beat"), std::nullopt);
  loop_.advance(10min);
  EXPECT_TRUE(resume("beat"));
  EXPECT_EQ(scheduler_->next_run("beat"), noon_ + 12min);
  loop_.advance(1min);
  EXPECT_THAT(rows("SELECT strftime('%H:%M', nominal / 1000000, 'unixepoch') FROM jobs "
                   "WHERE task='beat' ORDER BY id"),
              ElementsAre("12:01", "12:12"));
  EXPECT_EQ(scheduler_->stats().missed, 0u);
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(SchedulerControlTest, APauseOutlivesTheHostAReloadAndAScheduleThatIsAwayForAWhile) {
  const auto beat = task("beat", "* * * * *", CatchUp::all);
  set({beat});
  pause("beat");
  restart_after(1h, {beat});
  EXPECT_TRUE(scheduler_->view("beat")->paused);
  set({});
  set({task("beat", "*/2 * * * *", CatchUp::all)});
  EXPECT_TRUE(scheduler_->view("beat")->paused);
  loop_.advance(1h);
  EXPECT_THAT(jobs(), IsEmpty());
  resume("beat");
  restart_after(0s, {task("beat", "*/2 * * * *", CatchUp::all)});
  EXPECT_FALSE(scheduler_->view("beat")->paused);
  loop_.advance(2min);
  EXPECT_THAT(jobs(), ElementsAre("beat 14:02:00"));
}

TEST_F(SchedulerControlTest, PausingTwiceChangesNothingAndAnUnknownScheduleIsNamed) {
  set({task("beat", "* * * * *", CatchUp::all)});
  EXPECT_FALSE(resume("beat"));
  EXPECT_TRUE(pause("beat"));
  EXPECT_FALSE(pause("beat"));
  try {
    pause("beet");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::not_found);
    EXPECT_THAT(error.message(), HasSubstr("\"beet\""));
  }
}

TEST_F(SchedulerControlTest, ResumingWhatIsNotPausedSkipsNoTick) {
  set({task("beat", "* * * * *", CatchUp::all)});
  loop_.fake_clock().advance(3min);
  EXPECT_FALSE(resume("beat"));
  EXPECT_EQ(jobs().size(), 3u);
}

TEST_F(SchedulerControlTest, APauseThatIsNotOnTheDiskIsNone) {
  set({task("beat", "* * * * *")});
  store_.fail_next(Error(Code::io, "disk full", ""));
  EXPECT_THROW(pause("beat"), Error);
  EXPECT_FALSE(scheduler_->view("beat")->paused);
  loop_.advance(1min);
  EXPECT_EQ(jobs().size(), 1u);
}

TEST_F(SchedulerControlTest, ARunByHandIsAJobOfTheScheduleAndMovesNoTick) {
  set({task("beat", "*/10 * * * *")});
  loop_.advance(90s);
  const auto result = run_now("beat");
  EXPECT_EQ(result.outcome, TickOutcome::inserted);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:30"));
  EXPECT_EQ(scheduler_->last_run("beat"), noon_ + 90s);
  EXPECT_EQ(scheduler_->next_run("beat"), noon_ + 10min);
  loop_.advance(8min + 30s);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:30", "beat 12:10:00"));
}

TEST_F(SchedulerControlTest, ARunByHandHidesNoTickThatIsDueAtTheSameMomentOrWasMissed) {
  const auto beat = task("beat", "* * * * *", CatchUp::all);
  set({beat});
  loop_.fake_clock().advance(1min);
  run_now("beat");
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00", "beat 12:01:00"));

  // One that only just became durable before the host died, with a tick before it still due.
  scheduler_.reset();
  loop_.fake_clock().advance(90s);
  store_.run_now([&](Unit& unit) {
    RecentTicks recent;
    write_tick_by_hand(unit, "beat", loop_.clock().wall(), beat.overlap,
                       NewJob{.task = "beat", .source = "schedule"}, recent, queue_.now());
  });
  restart_after(1s, {beat});
  EXPECT_THAT(jobs(),
              ElementsAre("beat 12:01:00", "beat 12:01:00", "beat 12:02:30", "beat 12:02:00"));
}

TEST_F(SchedulerControlTest, ARunByHandObeysTheOverlapPolicyAndTheUniqueKey) {
  auto keyed = task("keyed", "@daily");
  keyed.prototype.unique_key = "one";
  set({task("beat", "@daily", CatchUp::latest, Overlap::skip), keyed});
  const auto first = run_now("beat");
  const auto second = run_now("beat");
  EXPECT_EQ(second.outcome, TickOutcome::overlapped);
  EXPECT_EQ(second.job.id, first.job.id);
  run_now("keyed");
  EXPECT_EQ(run_now("keyed").outcome, TickOutcome::duplicate);
  EXPECT_EQ(jobs().size(), 2u);
  EXPECT_TRUE(run_one("beat"));
  EXPECT_EQ(run_now("beat").outcome, TickOutcome::inserted);
}

TEST_F(SchedulerControlTest, ARunByHandWorksWhilePausedAndStopsNoLaterTick) {
  set({task("beat", "* * * * *", CatchUp::latest, Overlap::skip)});
  pause("beat");
  EXPECT_EQ(run_now("beat").outcome, TickOutcome::inserted);
  EXPECT_TRUE(scheduler_->view("beat")->paused);
  resume("beat");
  loop_.advance(1min);
  EXPECT_EQ(outcomes().back(), "overlapped") << "ticks see the run by hand, too";
}

TEST_F(SchedulerControlTest, TheListIsInOrderAndSaysWhatIsInForce) {
  set({task("b", "@daily", CatchUp::skip, Overlap::allow_all), task("a", "every: 90s")});
  pause("b");
  const auto all = scheduler_->list();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].task->task, "a");
  EXPECT_EQ(all[0].next, noon_ + 90s);
  EXPECT_EQ(all[1].task->catch_up, CatchUp::skip);
  EXPECT_TRUE(all[1].paused);
  EXPECT_FALSE(scheduler_->view("c").has_value());
}

}  // namespace
}  // namespace host
