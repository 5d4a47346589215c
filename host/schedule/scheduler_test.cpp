// SPDX-License-Identifier: Apache-2.0
#include "schedule/scheduler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "schedule/scheduler_fixture.hpp"
#include "schedule/tick_table.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(SchedulerTest, ATickBecomesAJobAtItsInstant) {
  Lines ready;
  queue_.set_ready_handler([&](const std::string& name) { ready.push_back(name); });
  set({task("beat", "* * * * *"), task("slow", "every: 90s")});
  EXPECT_EQ(scheduler_->next_run("beat"), noon_ + 1min);
  EXPECT_EQ(scheduler_->last_run("beat"), std::nullopt);
  loop_.advance(59s);
  EXPECT_THAT(jobs(), IsEmpty());
  loop_.advance(1s);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00"));
  EXPECT_THAT(ready, ElementsAre("beat"));
  loop_.advance(2min);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00", "slow 12:01:30", "beat 12:02:00",
                                  "beat 12:03:00", "slow 12:03:00"));
  EXPECT_EQ(scheduler_->last_run("slow"), noon_ + 3min);
  EXPECT_EQ(scheduler_->next_run("slow"), noon_ + 4min + 30s);
  EXPECT_EQ(scheduler_->next_run("other"), std::nullopt);
  EXPECT_EQ(scheduler_->stats().ticks, 5u);
  EXPECT_EQ(scheduler_->stats().missed, 0u);
}

TEST_F(SchedulerTest, TheJobIsThePrototypeWithItsInstant) {
  auto beat = task("beat", "@hourly");
  beat.prototype.payload = R"({"a":1})";
  beat.prototype.priority = 2;
  beat.prototype.max_attempts = 7;
  set({beat});
  loop_.advance(1h);
  EXPECT_THAT(rows("SELECT task || payload || priority || max_attempts || source FROM jobs"),
              ElementsAre(R"(beat{"a":1}27schedule)"));
}

TEST_F(SchedulerTest, WhatIsDueAtOnceIsOneTransaction) {
  std::vector<ScheduledTask> many;
  for (int i = 0; i < 1000; ++i) many.push_back(task("t" + std::to_string(i), "*/5 * * * *"));
  set(many);
  loop_.advance(5min);  // the first time, old ticks are deleted after it
  const auto before = store_.stats().operations;
  loop_.advance(5min);
  EXPECT_EQ(store_.stats().operations - before, 1u);
  EXPECT_EQ(jobs().size(), 2000u);
}

TEST_F(SchedulerTest, AnIdleSchedulerHasOneTimerOrNone) {
  const auto before = loop_.armed();
  set({});
  EXPECT_EQ(loop_.armed(), before);
  std::vector<ScheduledTask> many;
  for (int i = 0; i < 100; ++i) many.push_back(task("t" + std::to_string(i), "every: 1h"));
  set(many);
  EXPECT_EQ(loop_.armed(), before + 1);
  loop_.advance(1h);
  EXPECT_EQ(loop_.armed(), before + 1);
}

TEST_F(SchedulerTest, ARestartFiresNothingTwice) {
  set({task("beat", "* * * * *")});
  loop_.advance(1min);
  restart_after(0s, {task("beat", "* * * * *")});
  loop_.advance(10s);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00"));
  EXPECT_EQ(scheduler_->last_run("beat"), noon_ + 1min);
  EXPECT_EQ(scheduler_->next_run("beat"), noon_ + 2min);
}

TEST_F(SchedulerTest, AfterFiveHoursDownTheLatestTickIsMadeUp) {
  const auto beat = task("beat", "* * * * *");
  set({beat});
  loop_.advance(1min);
  restart_after(5h, {beat});
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00", "beat 17:01:00"));
  EXPECT_EQ(scheduler_->stats().missed, 299u);
  EXPECT_THAT(events(),
              ElementsAre("ticks_missed: 299 ticks missed since 2026-01-05T12:02:00Z, 1 made up "
                          "(catch_up: latest)"));
}

TEST_F(SchedulerTest, MissedTicksAreSkippedWhereThatIsThePolicy) {
  const auto beat = task("beat", "*/10 * * * *", CatchUp::skip);
  set({beat});
  restart_after(5h + 2min, {beat});
  EXPECT_THAT(jobs(), IsEmpty());
  EXPECT_EQ(scheduler_->stats().missed, 30u);
  // That is remembered.
  restart_after(0s, {beat});
  EXPECT_EQ(scheduler_->stats().missed, 0u);
  loop_.advance(8min);
  EXPECT_THAT(jobs(), ElementsAre("beat 17:10:00"));
}

TEST_F(SchedulerTest, ATickThatIsAMinuteLateAtMostIsNotMissed) {
  const auto beat = task("beat", "*/10 * * * *", CatchUp::skip);
  set({beat});
  restart_after(10min + 60s, {beat});
  EXPECT_THAT(jobs(), ElementsAre("beat 12:10:00"));
  restart_after(10min + 1ms, {beat});
  EXPECT_THAT(jobs(), ElementsAre("beat 12:10:00"));
}

TEST_F(SchedulerTest, AllMissedTicksAreMadeUpOldestFirstWithinTheWindowAndTheLimit) {
  auto beat = task("beat", "*/10 * * * *", CatchUp::all);
  beat.catchup_window = 30min;
  auto every = task("every", "every: 1s", CatchUp::all);
  set({beat, every});
  restart_after(2h + 5min, {beat, every});
  const auto made = jobs();
  EXPECT_EQ(std::count(made.begin(), made.end(), "beat 13:30:00"), 0);
  EXPECT_THAT(rows("SELECT strftime('%H:%M', nominal / 1000000, 'unixepoch') FROM jobs "
                   "WHERE task='beat' ORDER BY id"),
              ElementsAre("13:40", "13:50", "14:00"));
  EXPECT_THAT(rows("SELECT count(*) || ' ' || strftime('%H:%M:%S', min(nominal) / 1000000, "
                   "'unixepoch') FROM jobs WHERE task='every'"),
              ElementsAre("100 14:03:21"));
}

TEST_F(SchedulerTest, ATickBeforeTheWindowIsNotMadeUp) {
  auto daily = task("daily", "@daily");
  daily.catchup_window = 6h;
  set({daily});
  restart_after(19h, {daily});
  EXPECT_THAT(jobs(), IsEmpty());
  restart_after(22h, {daily});
  EXPECT_THAT(jobs(), ElementsAre("daily 00:00:00"));
}

TEST_F(SchedulerTest, SkipMakesNoJobWhileTheLastHasNotEnded) {
  set({task("beat", "* * * * *", CatchUp::latest, Overlap::skip)});
  loop_.advance(2min);
  EXPECT_THAT(outcomes(), ElementsAre("inserted", "overlapped"));
  EXPECT_TRUE(run_one("beat", Verdict::Kind::failed));
  // It waits for its retry: not ended.
  loop_.fake_clock().advance(1min);
  scheduler_->clock_changed();
  loop_.drain();
  EXPECT_EQ(outcomes().back(), "overlapped");
  loop_.advance(10s);
  EXPECT_TRUE(run_one("beat"));
  loop_.advance(1min);
  EXPECT_EQ(outcomes().back(), "inserted");
  EXPECT_EQ(scheduler_->stats().overlapped, 2u);
  EXPECT_THAT(rows("SELECT reason FROM ticks WHERE outcome='overlapped' LIMIT 1"),
              ElementsAre("job 1 has not ended"));
}

TEST_F(SchedulerTest, AnOverlapIsSeenAcrossARestart) {
  const auto beat = task("beat", "* * * * *", CatchUp::latest, Overlap::skip);
  set({beat});
  loop_.advance(1min);
  restart_after(0s, {beat});
  loop_.advance(1min);
  EXPECT_THAT(outcomes(), ElementsAre("inserted", "overlapped"));
}

TEST_F(SchedulerTest, BufferOneLetsOneMoreWait) {
  set({task("beat", "* * * * *", CatchUp::latest, Overlap::buffer_one)});
  loop_.advance(3min);
  EXPECT_THAT(outcomes(), ElementsAre("inserted", "inserted", "overlapped"));
  EXPECT_TRUE(run_one("beat"));
  loop_.advance(1min);
  EXPECT_EQ(outcomes().back(), "inserted");
}

TEST_F(SchedulerTest, CancelOtherLetsWhatWaitsGoAndTellsWhatRunsToStop) {
  std::vector<std::string> stopped;
  scheduler_->set_stop_handler([&](JobId job, bool at_once) {
    stopped.push_back(std::to_string(job.value()) + (at_once ? " at once" : ""));
  });
  set({task("a", "* * * * *", CatchUp::latest, Overlap::cancel_other),
       task("b", "* * * * *", CatchUp::latest, Overlap::terminate_other)});
  const auto states = [&] { return rows("SELECT task || ' ' || state FROM jobs ORDER BY id"); };
  loop_.advance(2min);
  EXPECT_THAT(states(), ElementsAre("a cancelled", "b cancelled", "a available", "b available"));
  EXPECT_THAT(stopped, IsEmpty()) << "none ran";

  for (const char* name : {"a", "b"}) queue_.claim(name, 1, [](const Result<Claimed>&) {});
  loop_.advance(1min);
  EXPECT_THAT(stopped, ElementsAre("3", "4 at once"));
  EXPECT_THAT(rows("SELECT id FROM jobs WHERE cancel_requested_at IS NOT NULL"),
              ElementsAre("3", "4"));
  EXPECT_THAT(rows("SELECT id FROM jobs WHERE state='available'"), ElementsAre("5", "6"));
  EXPECT_THAT(outcomes(), Each("inserted"));
}

TEST_F(SchedulerTest, BufferAllAndAllowAllMakeAJobOfEachTick) {
  set({task("a", "* * * * *", CatchUp::latest, Overlap::buffer_all),
       task("b", "* * * * *", CatchUp::latest, Overlap::allow_all)});
  loop_.advance(5min);
  EXPECT_EQ(jobs().size(), 10u);
}

TEST_F(SchedulerTest, AWaitingJobWithTheUniqueKeyStandsForTheTick) {
  auto beat = task("beat", "* * * * *");
  beat.prototype.unique_key = "one";
  set({beat});
  loop_.advance(2min);
  EXPECT_THAT(outcomes(), ElementsAre("inserted", "duplicate"));
  EXPECT_EQ(jobs().size(), 1u);
  EXPECT_EQ(scheduler_->last_run("beat"), noon_ + 1min);
}

TEST_F(SchedulerTest, ANewTextOrZoneStartsAnewAndNothingElseDoes) {
  set({task("beat", "*/10 * * * *"), task("zoned", "0 13 * * *")});
  auto zoned = task("zoned", "0 13 * * *");
  zoned.zone = "Etc/GMT+1";  // 13:00 there is 14:00Z
  restart_after(2h, {task("beat", "*/20 * * * *"), zoned});
  EXPECT_THAT(jobs(), IsEmpty());
  EXPECT_EQ(scheduler_->next_run("beat"), noon_ + 2h + 20min);

  auto same = task("beat", " */20 * * * * ", CatchUp::all);
  restart_after(45min, {same, zoned});
  EXPECT_THAT(jobs(), ElementsAre("beat 14:20:00", "beat 14:40:00"));
}

TEST_F(SchedulerTest, AScheduleThatWasGoneStartsAnew) {
  set({task("beat", "* * * * *")});
  set({});
  EXPECT_EQ(scheduler_->next_run("beat"), std::nullopt);
  loop_.advance(1h);
  set({task("beat", "* * * * *")});
  EXPECT_THAT(jobs(), IsEmpty());
  EXPECT_EQ(scheduler_->next_run("beat"), noon_ + 1h + 1min);
}

TEST_F(SchedulerTest, AReloadLosesNoTick) {
  set({task("beat", "* * * * *")});
  loop_.fake_clock().advance(1min);
  set({task("beat", "* * * * *"), task("more", "* * * * *")});
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00"));
}

TEST_F(SchedulerTest, EveryProblemIsListedAndNothingChanges) {
  set({task("beat", "* * * * *")});
  auto zone = task("zone", "@daily");
  zone.zone = "Mars/Olympus";
  auto buffer = task("buffer", "@daily", CatchUp::latest, Overlap::buffer_one);
  buffer.concurrency = 2;
  auto window = task("window", "@daily");
  window.catchup_window = std::chrono::days(400);
  auto priority = task("priority", "@daily");
  priority.prototype.priority = 12;
  const std::vector<ScheduledTask> wrong{
      task("cron", "61 * * * *"), zone, buffer, window, priority, task("twice", "@daily"),
      task("twice", "@hourly")};
  try {
    scheduler_->set(wrong);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    for (const auto* part :
         {"task \"cron\": cron expression \"61 * * * *\", column 1",
          "no time zone \"Mars/Olympus\"", "buffer_one needs a concurrency of 1, not 2",
          "catchup_window is out of range", "task \"priority\"", "two schedules for task"})
      EXPECT_THAT(error.message(), HasSubstr(part));
  }
  EXPECT_THROW(Scheduler::check(zone), Error);
  EXPECT_NO_THROW(Scheduler::check(task("fine", "@daily")));
  loop_.advance(1min);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00"));
}

TEST_F(SchedulerTest, ATransactionThatFailsIsTriedAgainAndNoTickIsLost) {
  set({task("beat", "*/10 * * * *", CatchUp::skip)});
  store_.fail_next(Error(Code::io, "disk full", ""), 3);
  loop_.advance(10min);
  EXPECT_EQ(scheduler_->stats().failures, 1u);
  EXPECT_EQ(scheduler_->next_run("beat"), noon_ + 10min);
  EXPECT_EQ(scheduler_->last_run("beat"), std::nullopt);
  loop_.advance(7s);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:10:00"));
  EXPECT_EQ(scheduler_->stats().failures, 3u);
  EXPECT_THAT(*lines_, ElementsAre(HasSubstr("could not write 1 ticks: disk full")));
}

#ifdef TIMMY_FAILPOINTS
TEST_F(SchedulerTest, ATickAndItsJobAreWrittenBothOrNeither) {
  set({task("beat", "*/10 * * * *"), task("other", "*/10 * * * *")});
  for (const auto* point : {"schedule.before_tick=eio", "schedule.after_tick=eio"}) {
    ::setenv("TIMMY_FAILPOINT", point, 1);
    loop_.advance(10min);
    EXPECT_THAT(jobs(), IsEmpty()) << point;
    EXPECT_THAT(outcomes(), IsEmpty()) << point;
    ::unsetenv("TIMMY_FAILPOINT");
    loop_.fake_clock().advance(1s);
  }
  loop_.advance(1min);
  EXPECT_EQ(jobs().size(), 2u);
  EXPECT_EQ(outcomes().size(), 2u);
}
#endif

TEST_F(SchedulerTest, ASetThatFailsKeepsTheOldSchedules) {
  set({task("beat", "* * * * *")});
  store_.fail_next(Error(Code::io, "disk full", ""));
  bool failed = false;
  scheduler_->set({}, [&](const Status& status) { failed = !status.ok(); });
  loop_.drain();
  EXPECT_TRUE(failed);
  loop_.advance(1min);
  EXPECT_EQ(jobs().size(), 1u);
}

TEST_F(SchedulerTest, OldTicksArePrunedButTheLastRunStays) {
  auto beat = task("beat", "@hourly");
  beat.catchup_window = 1h;
  auto monthly = task("monthly", "10 12 5 * *");
  monthly.catchup_window = 1h;
  set({beat, monthly});
  loop_.advance(std::chrono::days(5));
  const auto kept = rows("SELECT schedule FROM ticks WHERE schedule='beat'").size();
  EXPECT_GE(kept, 25u);
  EXPECT_LE(kept, 27u);
  restart_after(0s, {beat, monthly});
  EXPECT_EQ(scheduler_->last_run("monthly"), noon_ + 10min);
}

TEST_F(SchedulerTest, HoweverManyTicksAreOldAllArePruned) {
  store_.run_now([](Unit& unit) {
    unit.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30000) "
        "INSERT INTO ticks(schedule, nominal, outcome, recorded) "
        "SELECT 'many' || (i % 500), i, 'overlapped', i FROM n");
  });
  set({task("beat", "* * * * *")});
  loop_.advance(1min);
  EXPECT_THAT(rows("SELECT count(*) FROM ticks WHERE schedule<>'beat'"), ElementsAre("500"))
      << "but for the newest of each schedule";
  loop_.advance(1min);
  EXPECT_EQ(jobs().size(), 2u) << "it goes on";
}

TEST_F(SchedulerTest, ARunByHandIsNoCursor) {
  auto beat = task("beat", "@hourly");
  beat.catchup_window = 1h;
  set({beat});
  loop_.advance(5h);
  scheduler_->pause("beat", [](Result<bool>) {});
  loop_.advance(std::chrono::days(3));
  scheduler_->run_now("beat", [](Result<TickResult> tick) { EXPECT_TRUE(tick.ok()); });
  loop_.drain();
  store_.run_now([&](Unit& unit) {
    EXPECT_EQ(prune_ticks(unit, loop_.clock().wall() + std::chrono::days(9), 100), 4);
  });
  EXPECT_THAT(rows("SELECT strftime('%H', nominal / 1000000, 'unixepoch') FROM ticks WHERE reason "
                   "IS NULL"),
              ElementsAre("17"));
}

TEST_F(SchedulerTest, AStoppedSchedulerFiresNothingMore) {
  set({task("beat", "* * * * *")});
  scheduler_->stop();
  loop_.advance(10min);
  scheduler_->clock_changed();
  loop_.drain();
  EXPECT_THAT(jobs(), IsEmpty());
  EXPECT_THROW(scheduler_->set({}), Error);
}

TEST_F(SchedulerTest, ADelayMovesEachRunAndNoInstant) {
  auto late = task("late", "*/10 * * * *");
  late.delay = std::chrono::seconds(90);
  set({late});
  EXPECT_EQ(format_utc(*scheduler_->next_run("late")), "2026-01-05T12:11:30Z");
  loop_.advance(std::chrono::minutes(11));
  EXPECT_THAT(rows("SELECT count(*) FROM jobs"), testing::ElementsAre("0"));
  loop_.advance(std::chrono::seconds(30));
  EXPECT_THAT(rows("SELECT strftime('%H:%M:%S', nominal / 1000000, 'unixepoch') FROM jobs"),
              testing::ElementsAre("12:10:00"));
  EXPECT_EQ(scheduler_->stats().longest_delay, Duration::zero()) << "it was in time";
  EXPECT_EQ(format_utc(*scheduler_->next_run("late")), "2026-01-05T12:21:30Z");
}

TEST_F(SchedulerTest, WhatWasMissedIsCountedFromTheDelayedInstants) {
  auto late = task("late", "*/10 * * * *");
  late.delay = std::chrono::minutes(5);
  set({late});
  // 12:10 and 12:20 were due by 12:25; 12:30 is due at 12:35 only.
  restart_after(std::chrono::minutes(32), {late});
  EXPECT_THAT(rows("SELECT strftime('%H:%M', nominal / 1000000, 'unixepoch') FROM jobs"),
              testing::ElementsAre("12:20"));
  EXPECT_EQ(format_utc(*scheduler_->next_run("late")), "2026-01-05T12:35:00Z");
}

TEST_F(SchedulerTest, ADelayedRunThatIsNotDueYetSurvivesAPauseAndACorrectedClock) {
  auto late = task("late", "*/10 * * * *");
  late.delay = std::chrono::minutes(15);
  set({late});
  loop_.advance(12min);  // 12:10 has passed; it is due at 12:25
  scheduler_->pause("late", [](const Result<bool>&) {});
  scheduler_->resume("late", [](const Result<bool>&) {});
  loop_.drain();
  EXPECT_EQ(scheduler_->next_run("late"), noon_ + 25min) << "12:10 is not due yet";
  set_clock(noon_ + 24h + 12min);
  EXPECT_EQ(scheduler_->stats().corrections, 1u);
  EXPECT_EQ(scheduler_->next_run("late"), noon_ + 24h + 15min);
  EXPECT_THAT(jobs(), IsEmpty());
}

TEST_F(SchedulerTest, TicksMadeUpTogetherTellWhatRunsOnceEach) {
  std::vector<JobId> stopped;
  scheduler_->set_stop_handler([&](JobId job, bool at_once) {
    EXPECT_FALSE(at_once);
    stopped.push_back(job);
  });
  const auto beat = task("beat", "* * * * *", CatchUp::all, Overlap::cancel_other);
  set({beat});
  loop_.advance(1min);
  queue_.claim("beat", 1, [](const Result<Claimed>&) {});
  loop_.drain();
  scheduler_->stop();
  start();
  scheduler_->set_stop_handler([&](JobId job, bool) { stopped.push_back(job); });
  loop_.fake_clock().advance(3min);
  set({beat});
  EXPECT_THAT(rows("SELECT state FROM jobs ORDER BY id"),
              ElementsAre("running", "cancelled", "cancelled", "available"));
  for (const auto job : stopped) EXPECT_EQ(job, JobId(1));
}

TEST(ScheduleDelayTest, IsTheSameForAHostAndTaskAndSpreadsOverTheJitter) {
  using std::chrono::seconds;
  EXPECT_EQ(schedule_delay(Duration::zero(), "a", "t"), Duration::zero());
  EXPECT_EQ(schedule_delay(seconds(60), "a", "t"), schedule_delay(seconds(60), "a", "t"));
  std::vector<int> tenths(10);
  for (int i = 0; i < 1000; ++i) {
    const auto delay = schedule_delay(seconds(60), "a", "task_" + std::to_string(i));
    ASSERT_GE(delay, Duration::zero());
    ASSERT_LT(delay, seconds(60));
    ++tenths[static_cast<std::size_t>(delay / seconds(6))];
  }
  for (const int count : tenths) EXPECT_NEAR(count, 100, 40);
  int same = 0;
  for (int i = 0; i < 100; ++i)
    same += schedule_delay(seconds(60), "a", std::to_string(i)) ==
            schedule_delay(seconds(60), "b", std::to_string(i));
  EXPECT_LT(same, 5);
}

}  // namespace
}  // namespace host
