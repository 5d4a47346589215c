// SPDX-License-Identifier: Apache-2.0
//
// What the scheduler does when the wall clock is set and when the machine sleeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "schedule/scheduler_fixture.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(SchedulerTest, ASuspendIsFollowedByTheCatchUpPolicy) {
  set({task("beat", "* * * * *"), task("cron", "* * * * *", CatchUp::skip)});
  loop_.fake_clock().suspend(8h + 30s);
  scheduler_->clock_changed();
  loop_.drain();
  EXPECT_THAT(jobs(), ElementsAre("beat 20:00:00", "cron 20:00:00"));
  EXPECT_EQ(scheduler_->stats().missed, 2u * 479u);
  EXPECT_EQ(scheduler_->stats().corrections, 0u);
}

TEST_F(SchedulerTest, ClocksThatGoForwardsByDaysOrYearsAreCorrectedAndMissNothing) {
  set({task("beat", "* * * * *", CatchUp::all), task("daily", "@daily")});
  for (const Duration jump :
       {Duration(3h + 1min), Duration(std::chrono::days(10)), Duration(std::chrono::days(3653))}) {
    const WallTime to = std::chrono::floor<std::chrono::minutes>(loop_.clock().wall() + jump);
    set_clock(to);
    EXPECT_THAT(jobs(), IsEmpty());
    EXPECT_EQ(scheduler_->next_run("beat"), to + 1min);
  }
  EXPECT_EQ(scheduler_->stats().corrections, 3u);
  EXPECT_EQ(scheduler_->stats().missed, 0u);
  EXPECT_EQ(events().size(), 3u);
  EXPECT_THAT(events().front(), HasSubstr("clock_corrected: the system clock was corrected "
                                          "forwards by 3h1m"));
  // That is durable: a restart doesn't miss them either.
  restart_after(0s, {task("beat", "* * * * *", CatchUp::all)});
  EXPECT_THAT(jobs(), IsEmpty());
}

TEST_F(SchedulerTest, ACorrectionIsNoticedAtTheNextTickAtLatest) {
  set({task("beat", "* * * * *", CatchUp::all)});
  loop_.fake_clock().set_wall(noon_ + 10h);
  loop_.advance(1min);
  EXPECT_THAT(jobs(), IsEmpty());
  EXPECT_EQ(scheduler_->stats().corrections, 1u);
  loop_.advance(1min);
  EXPECT_THAT(jobs(), ElementsAre("beat 22:02:00"));
}

TEST_F(SchedulerTest, AnHourForwardsIsLikeAnHourDown) {
  set({task("beat", "* * * * *"), task("cron", "*/10 * * * *", CatchUp::skip)});
  set_clock(noon_ + 1h + 5min);
  EXPECT_THAT(jobs(), ElementsAre("beat 13:05:00"));
  EXPECT_EQ(scheduler_->stats().corrections, 0u);
}

TEST_F(SchedulerTest, TwoHoursBackwardsFireNothingAgain) {
  set({task("beat", "* * * * *")});
  loop_.advance(2min);
  set_clock(noon_ - 2h);
  loop_.advance(2h + 2min);
  EXPECT_THAT(jobs(), ElementsAre("beat 12:01:00", "beat 12:02:00"));
  loop_.advance(1min);
  EXPECT_EQ(jobs().back(), "beat 12:03:00");
  EXPECT_EQ(jobs().size(), 3u);
}

TEST_F(SchedulerTest, AClockThatWentBackwardsByDaysFiresNoInstantASecondTime) {
  set({task("beat", "* * * * *")});
  loop_.advance(5min);
  EXPECT_EQ(jobs().size(), 5u);
  for (const WallTime to : {noon_ - std::chrono::days(10), WallTime{} + 1h, noon_ - 4h, noon_}) {
    set_clock(to);
    EXPECT_EQ(scheduler_->next_run("beat"), to + 1min);
  }
  EXPECT_EQ(scheduler_->stats().corrections, 4u);
  EXPECT_EQ(jobs().size(), 5u);
  // The instants that were fired before the clock went wrong come again, and are known.
  loop_.advance(6min);
  EXPECT_EQ(jobs().size(), 6u);
  EXPECT_EQ(scheduler_->stats().repeated, 5u);
}

TEST_F(SchedulerTest, ACursorFarAheadAtTheStartMeansThatTheClockWasPutRight) {
  loop_.fake_clock().set_wall(noon_ + std::chrono::days(3653));
  start();
  set({task("beat", "* * * * *")});
  loop_.advance(1min);
  scheduler_.reset();
  loop_.fake_clock().set_wall(noon_);
  start();
  set({task("beat", "* * * * *")});
  EXPECT_EQ(scheduler_->stats().corrections, 1u);
  loop_.advance(1min);
  EXPECT_EQ(jobs().back(), "beat 12:01:00");
}

}  // namespace
}  // namespace host
