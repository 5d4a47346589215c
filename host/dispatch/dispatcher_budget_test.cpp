// SPDX-License-Identifier: Apache-2.0
//
// What tokens, or that there are none, decide of an item's way.
#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;

constexpr Position kWaitsForItsRun{Gate::track, ItemState::waiting};

class DispatcherBudget : public DispatcherTest {
 protected:
  // The first run spends, and is refused until then; those after it get what they ask for.
  void first_is_refused(RunEnd how, std::int64_t tokens) {
    const auto renews = loop_.clock().wall() + hours(6);
    runs_.agent = [=, this](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
      if (runs_.orders.size() > 1) return FakeRuns::fixes(order, clone);
      RunFacts facts;
      facts.how = how;
      facts.reason = "ended with status 0";
      facts.refused = "tokens_per_day of the lane code, 1000, has 3 tokens left";
      facts.renews = renews;
      facts.tokens = tokens;
      return facts;
    };
  }
  void pause(const std::string& pipeline) {
    paused_ = pipeline;
    dispatcher_->budget_changed();
    loop_.drain();
  }
};

TEST_F(DispatcherBudget, ARunWhoseEndCanNotBeToldYetCountsOnceItCan) {
  add_issue();
  runs_.untold = 2;
  start();
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting}));
  EXPECT_THAT(only_item().reason, HasSubstr("run d1.1 can't be told yet: the disk is full"));
  EXPECT_TRUE(only_item().run_open);
  tick(minutes(3));
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(runs_.orders.size(), 1U) << "no second run for what the first has done";
  EXPECT_EQ(only_item().tokens, 100);
  EXPECT_EQ(only_item().attempts, 1);
}

TEST_F(DispatcherBudget, NoRunOfAPausedPipelineStarts) {
  add_issue();
  paused_ = "code";
  start();
  EXPECT_EQ(only_item().at, kWaitsForItsRun);
  EXPECT_EQ(only_item().reason, "pipeline code pauses");
  tick(hours(30));
  EXPECT_TRUE(runs_.orders.empty());
  EXPECT_EQ(only_item().attempts, 0);
  pause("");
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherBudget, APauseOfAnotherPipelineHoldsNobody) {
  add_issue();
  paused_ = "other";
  start();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherBudget, APauseThatBeginsWhileTheCloneIsMadeHoldsItsRun) {
  add_issue();
  workspaces_.takes = [] { return minutes(1); };
  start();
  pause("code");
  tick(minutes(2));
  EXPECT_EQ(workspaces_.prepared, 1U);
  EXPECT_EQ(only_item().at, kWaitsForItsRun);
  EXPECT_TRUE(runs_.orders.empty());
}

TEST_F(DispatcherBudget, WhatARunningCapRefusesWaitsForItsResetAtNoCost) {
  for (const auto how : {RunEnd::exited, RunEnd::rate_limited, RunEnd::budget}) {
    SCOPED_TRACE(name(how));
    const auto number = add_issue().number;
    runs_.orders.clear();
    first_is_refused(how, 100);
    if (!dispatcher_) start();
    tick(minutes(1));
    const auto item = items().back();
    EXPECT_EQ(item.number, number);
    EXPECT_EQ(item.at, kWaitsForItsRun);
    EXPECT_THAT(item.reason, HasSubstr("tokens_per_day of the lane code"));
    EXPECT_EQ(item.attempts, 0);
    EXPECT_EQ(item.rate_limits, 0);
    tick(hours(5));
    EXPECT_EQ(runs_.orders.size(), 1U);
    tick(hours(2));
    EXPECT_EQ(items().back().at.state, ItemState::done);
    EXPECT_EQ(items().back().tokens, 200);
  }
}

TEST_F(DispatcherBudget, NobodyWaitsForACapWhoseOwnTokensAreSpent) {
  add_issue();
  first_is_refused(RunEnd::budget, 10'000);
  start();
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_THAT(only_item().reason, HasSubstr("its 10000 tokens are spent"));
}

TEST_F(DispatcherBudget, ANewBudgetBringsForwardWhatWaitsForACap) {
  add_issue();
  runs_.refuse = Error(Code::rate_limited, "lane code has used 1000 of its 1000 tokens of the day");
  runs_.renews = loop_.clock().wall() + hours(6);
  start();
  tick(hours(5));
  EXPECT_EQ(only_item().runs, 1) << "it is not asked for each minute";
  runs_.refuse.reset();
  dispatcher_->budget_changed();
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().attempts, 1);
}

}  // namespace
}  // namespace host::dispatch
