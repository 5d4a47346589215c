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
  // Each run ends so, for want of tokens of a cap that begins anew after that time.
  void each_is_refused(RunEnd how, Duration renews) {
    runs_.agent = [=, this](const AttemptOrder&, FakeWorkspaces::Clone&) {
      RunFacts facts;
      facts.how = how;
      facts.reason = "ended";
      facts.refused = "the cap of 1000 tokens each day has 3 left";
      facts.renews = loop_.clock().wall() + renews;
      return facts;
    };
  }
  void pause(const std::string& pipeline) {
    paused_ = pipeline;
    told_of_budget();
  }
  void told_of_budget() {
    dispatcher_->budget_changed();
    loop_.drain();
  }
  // token_budget.json is another one.
  void change_budget() {
    ++budget_generation_;
    told_of_budget();
  }
  Result<Item> retry() {
    return answer_of<Item>(
        [&](Reply<Item> reply) { dispatcher_->retry(only_item().id, std::move(reply)); });
  }
  // Nothing passes the gates, and each run uses so much.
  void in_vain(std::int64_t tokens) {
    verifier_.passes = [](const VerifyOrder&) { return false; };
    runs_.agent = [tokens](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
      auto facts = FakeRuns::fixes(order, clone);
      facts.tokens = tokens;
      return facts;
    };
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

TEST_F(DispatcherBudget, ARetryBringsNoTokens) {
  add_issue();
  in_vain(4'000);
  start();
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_THAT(only_item().reason, HasSubstr("attempt 2 of 2"));
  ASSERT_TRUE(retry().ok());
  EXPECT_THAT(only_item().reason, HasSubstr("its 10000 tokens are spent"));
  ASSERT_EQ(runs_.orders.size(), 3U);
  EXPECT_EQ(runs_.orders[2].attempt, 1) << "attempts it brings";
  EXPECT_EQ(runs_.orders[2].tokens_left, 2'000);
  EXPECT_EQ(only_item().tokens, 12'000);
}

TEST_F(DispatcherBudget, WhoseTokensAreSpentIsNotRetriedUntilThereAreMore) {
  add_issue();
  in_vain(10'000);
  start();
  const auto refused = retry();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::conflict);
  EXPECT_EQ(refused.error().message(),
            "item 1 has used 10000 tokens, and playbook fixer gives an item 10000 (limits.tokens), "
            "retries included");
  EXPECT_THAT(refused.error().next_step(), HasSubstr("Raise limits.tokens"));
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  set_rules({{"fixer", "limits: { attempts: 2, tokens: 15000 }\n"}});
  ASSERT_TRUE(retry().ok());
  EXPECT_EQ(runs_.orders.back().tokens_left, 5'000);
}

TEST_F(DispatcherBudget, WhatTheLedgerHearsOnlyAfterARunCountsAsWell) {
  add_issue();
  verifier_.passes = [this](const VerifyOrder& order) {
    if (order.facts.run == "d1.1") spend("d1.1", 5'000);
    return verifier_.asked > 1;
  };
  start();
  ASSERT_EQ(runs_.orders.size(), 2U);
  EXPECT_EQ(runs_.orders[1].tokens_left, 4'900);
}

TEST_F(DispatcherBudget, WhatOtherItemsUseIsTheirs) {
  spend("d10.1", 9'000);
  spend("d2.1", 9'000);
  add_issue();
  start();
  ASSERT_EQ(runs_.orders.size(), 1U);
  EXPECT_EQ(runs_.orders[0].tokens_left, 10'000);
  EXPECT_EQ(only_item().tokens, 100);
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
  for (const auto how : {RunEnd::exited, RunEnd::rate_limited, RunEnd::budget, RunEnd::crashed,
                         RunEnd::deadline, RunEnd::stalled}) {
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
    EXPECT_EQ(item.rate_limits, 1);
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

TEST_F(DispatcherBudget, NobodyWaitsForCapsForEver) {
  settings_.poll = settings_.sweep = hours(12);
  for (const auto how : {RunEnd::exited, RunEnd::crashed, RunEnd::deadline, RunEnd::stalled}) {
    SCOPED_TRACE(name(how));
    add_issue();
    runs_.orders.clear();
    each_is_refused(how, hours(24));
    if (!dispatcher_) start();
    tick(hours(24 * 29));
    EXPECT_TRUE(items().back().live());
    tick(hours(24 * 3));
    EXPECT_EQ(items().back().at, (Position{Gate::track, ItemState::failed}));
    EXPECT_THAT(items().back().reason, HasSubstr("the cap of 1000 tokens each day has 3 left"));
    EXPECT_THAT(items().back().reason, HasSubstr("had its 30 pauses"));
    EXPECT_EQ(items().back().attempts, 0);
    EXPECT_EQ(runs_.orders.size(), 31U);
  }
}

TEST_F(DispatcherBudget, ACapThatHasBegunAnewByThenIsAskedAMinuteLaterAndNotAtOnce) {
  add_issue();
  each_is_refused(RunEnd::crashed, hours(-1));
  start();
  EXPECT_EQ(runs_.orders.size(), 1U);
  tick(minutes(5));
  EXPECT_GE(runs_.orders.size(), 5U);
  EXPECT_LE(runs_.orders.size(), 6U);
}

TEST_F(DispatcherBudget, TheResetComesByTheClockThatPeopleSee) {
  add_issue();
  runs_.refuse = Error(Code::rate_limited, "lane code has used 1000 of its 1000 tokens of the day");
  start();
  loop_.fake_clock().set_wall(loop_.clock().wall() + hours(48));
  runs_.renews = loop_.clock().wall() + hours(6);
  tick(minutes(2));
  const auto runs = only_item().runs;
  tick(hours(5));
  EXPECT_EQ(only_item().runs, runs);
  runs_.refuse.reset();
  tick(hours(2));
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherBudget, ANewBudgetBringsForwardWhatWaitsForACap) {
  add_issue();
  runs_.refuse = Error(Code::rate_limited, "lane code has used 1000 of its 1000 tokens of the day");
  runs_.renews = loop_.clock().wall() + hours(6);
  start();
  tick(hours(5));
  EXPECT_EQ(only_item().runs, 1) << "it is not asked for each minute";
  runs_.refuse.reset();
  told_of_budget();
  EXPECT_EQ(only_item().runs, 1) << "it is the same one";
  change_budget();
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().attempts, 1);
}

TEST_F(DispatcherBudget, ANewBudgetBringsItForwardAlsoInTheNextHost) {
  for (const auto how : {RunEnd::exited, RunEnd::crashed}) {
    SCOPED_TRACE(name(how));
    add_issue();
    runs_.orders.clear();
    first_is_refused(how, 100);
    if (!dispatcher_) start();
    tick(minutes(1));
    restart();
    tick(hours(1));
    EXPECT_EQ(runs_.orders.size(), 1U) << "nothing has changed";
    change_budget();
    EXPECT_EQ(items().back().at.state, ItemState::done);
    EXPECT_EQ(runs_.orders.size(), 2U);
  }
}

TEST_F(DispatcherBudget, OneThatCouldNotStartIsBroughtForwardInTheNextHostToo) {
  add_issue();
  runs_.refuse = Error(Code::rate_limited, "lane code has used 1000 of its 1000 tokens of the day");
  runs_.renews = loop_.clock().wall() + hours(6);
  start();
  restart();
  tick(hours(1));
  EXPECT_EQ(only_item().runs, 1);
  runs_.refuse.reset();
  change_budget();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherBudget, ABudgetThatChangedWhileNoHostRanIsFoundAtTheStart) {
  add_issue();
  first_is_refused(RunEnd::exited, 100);
  start();
  crash();
  ++budget_generation_;
  start();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherBudget, ABudgetThatChangedWhileTheRunWasAtWorkDidNotRefuseIt) {
  add_issue();
  runs_.by_themselves = false;
  first_is_refused(RunEnd::crashed, 100);
  start();
  change_budget();
  runs_.by_themselves = true;
  runs_.finish("d1.1");
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

std::string lanes(int tokens_per_day) {
  return R"({"lanes": {"code": {"agent": {"kind": "hermes"}, "budget": {"tokens_per_day": )" +
         std::to_string(tokens_per_day) + "}}}}";
}

TEST_F(DispatcherBudget, ALaneThatMayUseMoreADayBringsForwardWhatWaitsInIt) {
  set_rules({{"fixer", ""}}, lanes(1'000));
  add_issue();
  first_is_refused(RunEnd::exited, 100);
  start();
  restart();
  set_rules({{"fixer", ""}}, lanes(1'000));
  loop_.drain();
  EXPECT_EQ(runs_.orders.size(), 1U);
  set_rules({{"fixer", ""}}, lanes(2'000));
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherBudget, ALaneThatIsReadWhileTheCloneIsMadeDidNotRefuseTheRun) {
  set_rules({{"fixer", ""}}, lanes(1'000));
  add_issue();
  first_is_refused(RunEnd::exited, 100);
  workspaces_.takes = [] { return minutes(1); };
  start();
  set_rules({{"fixer", ""}}, lanes(2'000));
  tick(minutes(10));
  ASSERT_EQ(runs_.orders.size(), 2U) << only_item().reason;
  EXPECT_EQ(runs_.orders.front().work.lane->budget.tokens_per_day, 1'000);
  EXPECT_EQ(runs_.orders.back().work.lane->budget.tokens_per_day, 2'000);
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

// What caps it was under, the host that began it has taken along.
TEST_F(DispatcherBudget, ARefusalOfAnotherHostsRunIsAskedAgainAtOnceAndThenKnown) {
  add_issue();
  runs_.untold = 1;
  each_is_refused(RunEnd::crashed, hours(6));
  start();
  ASSERT_TRUE(only_item().run_open) << "it has ended, and this host was not told";
  restart();
  tick(minutes(2));
  ASSERT_EQ(runs_.orders.size(), 2U) << "it does not wait for caps that nobody knows";
  EXPECT_EQ(only_item().at, kWaitsForItsRun);
  EXPECT_EQ(only_item().attempts, 0);
  EXPECT_EQ(only_item().rate_limits, 2);
  tick(hours(5));
  EXPECT_EQ(runs_.orders.size(), 2U) << "the second one's are known, and the same";
  tick(hours(2));
  EXPECT_EQ(runs_.orders.size(), 3U);
}

TEST_F(DispatcherBudget, WhatWaitsForItsServerIsNotBroughtForward) {
  add_issue();
  runs_.agent = [](const AttemptOrder&, FakeWorkspaces::Clone&) {
    RunFacts facts;
    facts.how = RunEnd::rate_limited;
    return facts;
  };
  start();
  change_budget();
  EXPECT_EQ(runs_.orders.size(), 1U);
}

}  // namespace
}  // namespace host::dispatch
