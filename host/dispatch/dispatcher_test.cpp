// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher.hpp"

#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

TEST_F(DispatcherTest, AnIssueBecomesAPullRequestThroughSixGates) {
  add_issue();
  start();
  const auto item = only_item();
  EXPECT_EQ(item.at.state, ItemState::done);
  EXPECT_EQ(path_of(visits(item.id)),
            "intake passed, triage passed, route passed, track passed, verify passed, "
            "report passed");
  ASSERT_EQ(pulls().size(), 1U);
  EXPECT_EQ(pulls()[0].head.branch, "timmy/issue-1");
  EXPECT_EQ(item.pull, pulls()[0].number);
  EXPECT_EQ(item.tokens, 100);
  EXPECT_EQ(item.attempts, 1);
  EXPECT_EQ(reporter_.orders[0].facts.report, "Mended.");
  ASSERT_EQ(reporter_.orders[0].verdict.checks.size(), 1U);
}

TEST_F(DispatcherTest, TakesOnlyWhatAPlaybookFits) {
  add_issue({"wontfix"});
  start();
  EXPECT_TRUE(items().empty());
  issue(1).labels.push_back({0, "bug", "", "", false});
  issue(1).updated_at = loop_.clock().wall();
  tick();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherTest, DoesNotTakeAnIssueTwice) {
  add_issue();
  start();
  tick(hours(3));
  EXPECT_EQ(items().size(), 1U);
  restart();
  tick(hours(3));
  EXPECT_EQ(items().size(), 1U);
  EXPECT_EQ(pulls().size(), 1U);
}

TEST_F(DispatcherTest, WorkThatFailsItsGatesGoesBackToTheAgentWithWhatTheySaid) {
  add_issue();
  verifier_.passes = [this](const VerifyOrder&) { return verifier_.asked > 1; };
  start();
  const auto item = only_item();
  EXPECT_EQ(item.at.state, ItemState::done);
  EXPECT_EQ(path_of(visits(item.id)),
            "intake passed, triage passed, route passed, track passed, verify sent back, "
            "track passed, verify passed, report passed");
  ASSERT_EQ(runs_.orders.size(), 2U);
  EXPECT_EQ(runs_.orders[0].feedback, "");
  EXPECT_NE(runs_.orders[1].feedback.find("test_x failed"), std::string::npos);
  EXPECT_EQ(runs_.orders[1].attempt, 2);
  EXPECT_EQ(runs_.orders[1].tokens_left, 9'900);
}

TEST_F(DispatcherTest, FailsWhenNoAttemptIsLeftAndSaysSo) {
  add_issue();
  verifier_.passes = [](const VerifyOrder&) { return false; };
  start();
  const auto item = only_item();
  EXPECT_EQ(item.at.state, ItemState::failed);
  EXPECT_EQ(item.attempts, 2);
  EXPECT_EQ(runs_.orders.size(), 2U);
  EXPECT_THAT(item.reason, HasSubstr("attempt 2 of 2"));
  EXPECT_TRUE(pulls().empty());
  ASSERT_EQ(reporter_.told.size(), 1U);
  EXPECT_THAT(reporter_.told[0], HasSubstr("The work is kept"));
}

TEST_F(DispatcherTest, FailsWhenItsTokensAreSpent) {
  add_issue();
  verifier_.passes = [](const VerifyOrder&) { return false; };
  runs_.agent = [](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
    auto facts = FakeRuns::fixes(order, clone);
    facts.tokens = 10'000;
    return facts;
  };
  start();
  EXPECT_EQ(runs_.orders.size(), 1U);
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_THAT(only_item().reason, HasSubstr("tokens are spent"));
}

TEST_F(DispatcherTest, AnAgentThatEndsWellForWantOfTokensMayTryAgain) {
  add_issue();
  runs_.agent = [this](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
    if (runs_.orders.size() > 1) return FakeRuns::fixes(order, clone);
    RunFacts facts;
    facts.how = RunEnd::exited;
    facts.reason = "ended with status 0";
    facts.refused = "tokens_per_run of the lane code, 1000, has 3 tokens left";
    return facts;
  };
  start();
  EXPECT_EQ(only_item().at.state, ItemState::done);
  ASSERT_EQ(runs_.orders.size(), 2U);
  EXPECT_THAT(runs_.orders[1].feedback, HasSubstr("It had no tokens left."));
  EXPECT_THAT(visits(only_item().id).at(3).reason, HasSubstr("tokens_per_run of the lane code"));
}

TEST_F(DispatcherTest, AnAgentThatIsRateLimitedTriesAgainLaterAtNoCost) {
  add_issue();
  runs_.agent = [this](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
    if (runs_.orders.size() > 3) return FakeRuns::fixes(order, clone);
    RunFacts facts;
    facts.how = RunEnd::rate_limited;
    facts.status = 75;
    return facts;
  };
  start();
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting}));
  EXPECT_EQ(only_item().attempts, 0);
  EXPECT_THAT(only_item().reason, HasSubstr("pause 1 of 10"));
  tick(minutes(4));
  EXPECT_EQ(runs_.orders.size(), 1U);
  // 5, 10 and 20 minutes.
  tick(minutes(2));
  EXPECT_EQ(runs_.orders.size(), 2U);
  tick(minutes(8));
  EXPECT_EQ(runs_.orders.size(), 2U);
  tick(minutes(2));
  EXPECT_EQ(runs_.orders.size(), 3U);
  tick(minutes(18));
  EXPECT_EQ(runs_.orders.size(), 3U);
  tick(minutes(2));
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().attempts, 1);
  EXPECT_EQ(only_item().rate_limits, 3);
}

TEST_F(DispatcherTest, AnAgentThatIsAlwaysRateLimitedIsHeardSoOftenAndThenFailsItsItem) {
  add_issue();
  runs_.agent = [](const AttemptOrder&, FakeWorkspaces::Clone&) {
    RunFacts facts;
    facts.how = RunEnd::rate_limited;
    facts.reason = "asks to be tried again later (status 75)";
    return facts;
  };
  start();
  // Also across hosts.
  for (int i = 0; i < 6; ++i) {
    tick(hours(2));
    restart();
  }
  EXPECT_TRUE(only_item().live());
  tick(hours(24));
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(runs_.orders.size(), 11U);
  EXPECT_EQ(only_item().attempts, 0);
  EXPECT_THAT(only_item().reason, HasSubstr("status 75"));
  EXPECT_THAT(only_item().reason, HasSubstr("had its 10 pauses"));
  runs_.agent = FakeRuns::fixes;
  ASSERT_TRUE(answer_of<Item>([&](Reply<Item> reply) {
                dispatcher_->retry(only_item().id, std::move(reply));
              }).ok());
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().rate_limits, 0);
}

TEST_F(DispatcherTest, AnAgentThatCantWorkAsItIsSetUpFailsItsItemAtOnce) {
  add_issue();
  runs_.agent = [](const AttemptOrder&, FakeWorkspaces::Clone& clone) {
    clone.head = "half";
    RunFacts facts;
    facts.how = RunEnd::not_usable;
    facts.reason = "can't work as it is set up (status 127): sh: agent: not found";
    return facts;
  };
  start();
  EXPECT_EQ(runs_.orders.size(), 1U);
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::failed}));
  EXPECT_THAT(only_item().reason, HasSubstr("sh: agent: not found"));
  EXPECT_EQ(only_item().head, "half") << "what it committed is kept";
}

TEST_F(DispatcherTest, WithoutABudgetItWaitsAtNoCost) {
  add_issue();
  runs_.refuse = Error(Code::rate_limited, "the day's tokens are spent");
  start();
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting}));
  EXPECT_EQ(only_item().reason, "the day's tokens are spent");
  EXPECT_EQ(only_item().attempts, 0);
  runs_.refuse.reset();
  tick(minutes(2));
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherTest, WhenTheAgentCommitsNothingThereIsNothingToReport) {
  add_issue();
  runs_.agent = [](const AttemptOrder&, FakeWorkspaces::Clone&) {
    RunFacts facts;
    facts.how = RunEnd::exited;
    facts.report = "All is well, I have fixed it.";
    return facts;
  };
  start();
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_THAT(only_item().reason, HasSubstr("committed nothing"));
  EXPECT_TRUE(pulls().empty());
}

TEST_F(DispatcherTest, ALaneTakesNoMoreAtOnceThanItMay) {
  for (int i = 0; i < 3; ++i) add_issue();
  runs_.by_themselves = false;
  start();
  EXPECT_EQ(runs_.at_work().size(), 1U);
  EXPECT_THAT(items()[1].reason, HasSubstr("lane code is full"));
  EXPECT_EQ(dispatcher_->lanes().at("code").busy, 1);
  EXPECT_EQ(dispatcher_->lanes().at("code").waiting, 2);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(runs_.at_work().size(), 1U);
    runs_.finish(runs_.at_work()[0]);
    loop_.drain();
  }
  EXPECT_EQ(pulls().size(), 3U);
}

TEST_F(DispatcherTest, ALabelBringsAnItemToItsLane) {
  add_issue({"bug", "lane/other"});
  start();
  EXPECT_EQ(only_item().lane, "other");
  EXPECT_EQ(runs_.orders[0].work.agent.kind, AgentKind::command);
}

TEST_F(DispatcherTest, OneBadItemStopsNoOther) {
  add_issue();
  add_issue();
  workspaces_.failures.emplace_back(Code::corrupt, "its mirror is damaged");
  start();
  EXPECT_EQ(items()[0].at.state, ItemState::failed);
  EXPECT_THAT(items()[0].reason, HasSubstr("mirror is damaged"));
  EXPECT_EQ(items()[1].at.state, ItemState::done);
}

TEST_F(DispatcherTest, WhatThrowsInAStepFailsItsItemAlone) {
  add_issue();
  add_issue();
  verifier_.passes = [](const VerifyOrder& order) -> bool {
    if (order.work.item.id == ItemId(1)) throw Error(Code::internal, "a bug");
    return true;
  };
  start();
  EXPECT_EQ(items()[0].at.state, ItemState::failed);
  EXPECT_EQ(items()[1].at.state, ItemState::done);
}

TEST_F(DispatcherTest, OfIssuesThatAreFoundTogetherTheOldestIsFirst) {
  for (int i = 0; i < 3; ++i) add_issue();
  settings_.most_live = 2;
  start();
  ASSERT_EQ(items().size(), 2U);
  EXPECT_EQ(items()[0].number, 1);
  EXPECT_EQ(items()[1].number, 2);
  EXPECT_EQ(runs_.orders.at(0).work.item.number, 1);
}

TEST_F(DispatcherTest, WaitsWhileTheForgeIsAwayAndGoesOnWhenItIsBack) {
  add_issue();
  runs_.by_themselves = false;
  start();
  forge_.set_available(false);
  runs_.finish(runs_.at_work()[0]);
  loop_.drain();
  EXPECT_EQ(only_item().at, (Position{Gate::verify, ItemState::waiting}));
  forge_.set_available(true);
  dispatcher_->forge_is_back();
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(DispatcherTest, AfterACommentAnotherPlaybookMayTakeTheIssue) {
  set_rules({{"triage", "priority: 10\nreport: { kind: comment }\n"}, {"fixer", ""}});
  add_issue();
  start();
  ASSERT_EQ(items().size(), 2U);
  EXPECT_EQ(items()[0].playbook, "triage");
  EXPECT_EQ(items()[0].at.state, ItemState::done);
  EXPECT_EQ(items()[0].pull, 0);
  EXPECT_EQ(items()[1].playbook, "fixer");
  EXPECT_EQ(items()[1].at.state, ItemState::done);
  EXPECT_EQ(forge_.repos.at("org/app").comments[1].size(), 1U);
  tick(hours(2));
  EXPECT_EQ(items().size(), 2U);
}

TEST_F(DispatcherTest, ALabelThatComesBackAsSoonAsItsRemovalHasStoppedTheWorkIsNewWork) {
  add_issue();
  runs_.by_themselves = false;
  start();
  unlabel(1);
  tick();
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::stopped}));
  issue(1).labels.push_back({0, "bug", "", "", false});
  issue(1).updated_at = loop_.clock().wall();
  runs_.by_themselves = true;
  tick();
  ASSERT_EQ(items().size(), 2U);
  EXPECT_EQ(items()[1].at.state, ItemState::done);
}

// Somebody who reopens it means it as well.
TEST_F(DispatcherTest, AnIssueThatIsReopenedAsSoonAsItsClosingHasStoppedTheWorkIsNewWork) {
  add_issue();
  runs_.by_themselves = false;
  start();
  close(1);
  tick();
  EXPECT_EQ(only_item().reason, "it was closed");
  issue(1).state = "open";
  issue(1).updated_at = loop_.clock().wall();
  runs_.by_themselves = true;
  tick();
  ASSERT_EQ(items().size(), 2U);
  EXPECT_EQ(items()[1].at.state, ItemState::done);
}

TEST_F(DispatcherTest, APullRequestThatIsToBeMergedIsLookedAtUntilItIs) {
  add_issue();
  reporter_.waits_for_approval = true;
  start();
  EXPECT_EQ(only_item().at, (Position{Gate::report, ItemState::waiting}));
  EXPECT_EQ(only_item().reason, "waits for an approval");
  restart();
  EXPECT_EQ(only_item().at, (Position{Gate::report, ItemState::waiting}));
  // Merging it closes the issue: that is no reason to stop.
  forge_.merge_pr(parse_repo_name("org/app"), only_item().pull, {}, [](const auto&) {});
  close(1);
  reporter_.waits_for_approval = false;
  tick(minutes(2));
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(pulls().size(), 1U);
}

TEST_F(DispatcherTest, AnOpenPullRequestIsJudgedAgainAtSweepsAndEventsThoughItsItemHasEnded) {
  add_issue();
  start();
  ASSERT_EQ(only_item().at.state, ItemState::done);
  const auto number = only_item().pull;
  ASSERT_EQ(reporter_.orders.size(), 1U);
  tick(minutes(11));
  ASSERT_EQ(reporter_.orders.size(), 2U);
  EXPECT_EQ(reporter_.orders[1].work.item.pull, number);
  EXPECT_EQ(reporter_.orders[1].verdict.checks.size(), 1U);
  dispatcher_->look_at("org/app", number);
  loop_.drain();
  EXPECT_EQ(reporter_.orders.size(), 3U) << "somebody may have approved it";
  EXPECT_TRUE(dispatcher_->live().empty());
  restart();
  EXPECT_EQ(reporter_.orders.size(), 4U);
  forge_.set_pr_state(parse_repo_name("org/app"), number, false, [](const auto&) {});
  tick(hours(3));
  EXPECT_EQ(reporter_.orders.size(), 5U) << "closed, it is left alone";
}

TEST_F(DispatcherTest, APullRequestThatStaysOpenIsJudgedForSomeTimeOnly) {
  settings_.pull_watch = hours(1);
  add_issue();
  start();
  tick(hours(1));
  const auto asked = reporter_.orders.size();
  EXPECT_GE(asked, 5U);
  EXPECT_LE(asked, 8U);
  tick(hours(2));
  EXPECT_EQ(reporter_.orders.size(), asked);
}

TEST_F(DispatcherTest, ADrainEndsWhatRunsAndKeepsEveryItem) {
  add_issue();
  add_issue();
  runs_.by_themselves = false;
  start();
  bool drained = false;
  dispatcher_->drain([&] { drained = true; });
  EXPECT_FALSE(drained);
  loop_.drain();
  EXPECT_TRUE(drained);
  EXPECT_TRUE(runs_.at_work().empty());
  for (const auto& item : items()) EXPECT_TRUE(item.live());
  runs_.by_themselves = true;
  restart();
  EXPECT_EQ(pulls().size(), 2U);
  for (const auto& item : items()) EXPECT_EQ(item.attempts, 1) << item.subject();
}

TEST_F(DispatcherTest, WhilePlaybookAndLaneAreGoneItsItemsWait) {
  add_issue();
  runs_.by_themselves = false;
  start();
  runs_.finish(runs_.at_work()[0]);
  set_rules({{"other", ""}});
  loop_.drain();
  EXPECT_EQ(only_item().at, (Position{Gate::verify, ItemState::waiting}));
  EXPECT_THAT(only_item().reason, HasSubstr("playbook fixer is not there"));
  set_rules({{"fixer", ""}});
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

}  // namespace
}  // namespace host::dispatch
