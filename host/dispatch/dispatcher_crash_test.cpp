// SPDX-License-Identifier: Apache-2.0
//
// What becomes of an item when its host dies, and when people change their mind.
#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CrashTest : public DispatcherTest {
 protected:
  // Up to where the agent is at work.
  void start_run() {
    add_issue();
    runs_.by_themselves = false;
    start();
    ASSERT_THAT(runs_.at_work(), SizeIs(1));
  }
  void finish_run() {
    runs_.finish(runs_.at_work().at(0));
    loop_.drain();
  }
};

TEST_F(CrashTest, AtEveryStepTheNextHostGoesOnAndNothingIsDoneTwice) {
  // How many steps there are, by one host that lives.
  int steps = 0;
  {
    add_issue();
    dispatcher_ =
        std::make_unique<Dispatcher>(world(), Log::to_memory(lines_), ++instance_, settings_);
    dispatcher_->start(rules_, [](const Status&) {});
    while (loop_.run_one()) ++steps;
    ASSERT_THAT(pulls(), SizeIs(1));
  }
  for (int stop = 1; stop <= steps; ++stop) {
    const auto& issue = add_issue();
    const auto number = issue.number;
    dispatcher_ =
        std::make_unique<Dispatcher>(world(), Log::to_memory(lines_), ++instance_, settings_);
    dispatcher_->start(rules_, [](const Status&) {});
    for (int i = 0; i < stop && loop_.run_one(); ++i) continue;
    crash();
    loop_.drain();
    start();
    tick(minutes(2));
    const auto item = items().back();
    EXPECT_EQ(item.number, number);
    EXPECT_EQ(item.at.state, ItemState::done) << "after " << stop << " steps: " << item.reason;
    int made = 0;
    for (const auto& pull : pulls())
      made += pull.head.branch == "timmy/issue-" + std::to_string(number);
    EXPECT_EQ(made, 1) << "after " << stop << " steps";
    EXPECT_LE(item.attempts, 1);
    close(number);
    tick(seconds(31));
  }
}

TEST_F(CrashTest, ARunThatTheHostsEndCutShortCostsNoAttempt) {
  start_run();
  runs_.by_themselves = true;
  restart();
  const auto item = only_item();
  EXPECT_EQ(item.at.state, ItemState::done);
  EXPECT_EQ(item.attempts, 1);
  EXPECT_EQ(item.runs, 2);
  EXPECT_EQ(item.interruptions, 1);
  EXPECT_THAT(path_of(visits(item.id)), HasSubstr("track interrupted"));
}

TEST_F(CrashTest, ARunThatADrainCutShortIsOneInterruption) {
  start_run();
  dispatcher_->drain([] {});
  loop_.drain();
  runs_.by_themselves = true;
  restart();
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().attempts, 1);
  EXPECT_EQ(only_item().interruptions, 1);
}

TEST_F(CrashTest, ARunThatIsLostWhileTheHostLivesIsOneInterruptionAndBounded) {
  settings_.most_interruptions = 2;
  add_issue();
  runs_.agent = [](const AttemptOrder&, FakeWorkspaces::Clone&) {
    RunFacts facts;
    facts.how = RunEnd::interrupted;
    return facts;
  };
  start();
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_EQ(only_item().runs, 3);
  EXPECT_EQ(only_item().interruptions, 3);
  EXPECT_EQ(only_item().attempts, 0);
}

TEST_F(CrashTest, ARunThatHadEndedIsJudgedByTheNextHost) {
  start_run();
  // It ends in the moment in which the host does.
  runs_.finish(runs_.at_work()[0]);
  restart();
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().runs, 1);
  EXPECT_EQ(only_item().tokens, 100);
}

TEST_F(CrashTest, WhatEndsTooManyHostsFails) {
  settings_.most_interruptions = 3;
  start_run();
  for (int i = 0; i < 3; ++i) restart();
  EXPECT_TRUE(only_item().live());
  EXPECT_EQ(only_item().interruptions, 3);
  restart();
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_EQ(only_item().interruptions, 4);
}

TEST_F(CrashTest, ACancelThatWasPromisedIsKept) {
  start_run();
  ASSERT_TRUE(answer_of<Item>([&](Reply<Item> reply) {
                dispatcher_->cancel(only_item().id, "by hand", std::move(reply));
                // Durable as soon as it is answered; the rest of it the host does not live to see.
              }).ok());
  restart();
  EXPECT_EQ(only_item().at.state, ItemState::stopped);
  EXPECT_EQ(only_item().reason, "by hand");
}

TEST_F(CrashTest, ACancelledRunIsEndedAndItsWorkKept) {
  start_run();
  workspaces_.clones.at("org/app#1").head = "half";
  (void)answer_of<Item>(
      [&](Reply<Item> reply) { dispatcher_->cancel(only_item().id, "by hand", std::move(reply)); });
  EXPECT_THAT(runs_.at_work(), IsEmpty());
  const auto item = only_item();
  EXPECT_EQ(item.at.state, ItemState::stopped);
  EXPECT_EQ(item.head, "half");
  EXPECT_EQ(item.tokens, 50);
  EXPECT_THAT(reporter_.told.at(0), HasSubstr("by hand. The work is kept."));
  tick(hours(3));
  EXPECT_THAT(items(), SizeIs(1)) << "nobody said that it should go on";
}

TEST_F(CrashTest, ACancelledItemStopsThoughItsWorkCantBeTakenIn) {
  start_run();
  workspaces_.clones.at("org/app#1").head = "half";
  workspaces_.failures.assign(50, Error(Code::unavailable, "the runner is down"));
  (void)answer_of<Item>(
      [&](Reply<Item> reply) { dispatcher_->cancel(only_item().id, "by hand", std::move(reply)); });
  EXPECT_GE(workspaces_.failures.size(), 48U) << "asked again and again";
  EXPECT_EQ(only_item().at.state, ItemState::stopped);
  EXPECT_FALSE(only_item().run_open);
  EXPECT_EQ(only_item().tokens, 50);
  EXPECT_THAT(reporter_.told.at(0), HasSubstr("by hand; what its agent did last is in its clone"));
  EXPECT_EQ(workspaces_.clones.at("org/app#1").head, "half");
}

TEST_F(CrashTest, ACancelledItemStopsThoughItsPlaybookOrLaneIsGone) {
  for (const bool lane_too : {false, true}) {
    const auto number = add_issue().number;
    runs_.by_themselves = false;
    set_rules({{"fixer", ""}});
    if (dispatcher_) tick();
    if (!dispatcher_) start();
    workspaces_.failures.assign(1, Error(Code::unavailable, "the runner is down"));
    finish_run();
    ASSERT_EQ(items().back().number, number);
    ASSERT_EQ(items().back().at, (Position{Gate::track, ItemState::waiting}));
    if (lane_too)
      set_rules({{"fixer", ""}}, R"({"lanes": {"other": {"agent": {"kind": "hermes"}}}})");
    else
      set_rules({{"another", "matching: { repositories: [none/*], labels: { all: [x] } }\n"}});
    (void)answer_of<Item>([&](Reply<Item> reply) {
      dispatcher_->cancel(items().back().id, "by hand", std::move(reply));
    });
    EXPECT_EQ(items().back().at.state, ItemState::stopped) << items().back().reason;
    EXPECT_THAT(items().back().reason, HasSubstr("by hand; what its agent did last"));
    EXPECT_FALSE(items().back().run_open);
    close(number);
  }
}

TEST_F(CrashTest, WorkOfALaneThatIsGoneIsTakenInByTheLaneAsItWas) {
  start_run();
  workspaces_.clones.at("org/app#1").head = "half";
  set_rules({{"fixer", ""}}, R"({"lanes": {"other": {"agent": {"kind": "hermes"}}}})");
  finish_run();
  ASSERT_TRUE(workspaces_.last_lane);
  EXPECT_EQ(workspaces_.last_lane->name, "code");
}

TEST_F(CrashTest, AnItemThatFailsWhileItsAgentIsAtWorkFailsWhenThatHasEnded) {
  add_issue();
  runs_.by_themselves = false;
  runs_.throws = Error(Code::internal, "a bug");
  start();
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_EQ(only_item().reason, "a bug");
  EXPECT_THAT(runs_.at_work(), IsEmpty());
  EXPECT_THAT(runs_.cancelled, SizeIs(1));
  EXPECT_FALSE(only_item().run_open);
  EXPECT_EQ(only_item().tokens, 50);
}

TEST_F(CrashTest, AnIssueThatIsClosedEndsTheRun) {
  start_run();
  close(1);
  tick();
  EXPECT_THAT(runs_.cancelled, SizeIs(1));
  EXPECT_EQ(only_item().at.state, ItemState::stopped);
  EXPECT_EQ(only_item().reason, "it was closed");
}

TEST_F(CrashTest, ALabelThatIsTakenOffEndsTheRunAndPutOnAgainBeginsAnew) {
  start_run();
  workspaces_.clones.at("org/app#1").head = "half";
  workspaces_.clones.at("org/app#1").dirty = true;
  unlabel(1);
  tick();
  EXPECT_EQ(only_item().at.state, ItemState::stopped);
  EXPECT_THAT(only_item().reason, HasSubstr("label bug missing"));
  tick();
  runs_.by_themselves = true;
  issue(1).labels = {{0, "bug", "", "", false}};
  issue(1).updated_at = loop_.clock().wall();
  tick();
  ASSERT_THAT(items(), SizeIs(2));
  EXPECT_EQ(items()[1].at.state, ItemState::done);
  EXPECT_EQ(runs_.orders.back().workspace.head, "") << "what was there is the earlier item's";
  ASSERT_THAT(workspaces_.set_aside, SizeIs(1));
  EXPECT_EQ(workspaces_.set_aside[0].item, items()[0].id);
  EXPECT_TRUE(workspaces_.set_aside[0].dirty) << "and is kept";
}

// An agent that commits nothing has done nothing, whatever an earlier item's did.
TEST_F(CrashTest, WorkOfAnEarlierItemPassesForNobodyElses) {
  start_run();
  workspaces_.clones.at("org/app#1").head = "half";
  (void)answer_of<Item>(
      [&](Reply<Item> reply) { dispatcher_->cancel(only_item().id, "by hand", std::move(reply)); });
  ASSERT_EQ(only_item().head, "half");
  runs_.by_themselves = true;
  runs_.agent = [](const AttemptOrder&, FakeWorkspaces::Clone&) {
    RunFacts facts;
    facts.how = RunEnd::exited;
    return facts;
  };
  ASSERT_TRUE(answer_of<Item>([&](Reply<Item> reply) {
                dispatcher_->dispatch({"org/app", 1, "fixer", "", std::string(kByOperator)},
                                      std::move(reply));
              }).ok());
  ASSERT_THAT(items(), SizeIs(2));
  EXPECT_EQ(items()[1].at.state, ItemState::failed);
  EXPECT_EQ(items()[1].reason, "it committed nothing");
  EXPECT_EQ(items()[1].head, "");
}

TEST_F(CrashTest, SomebodyWhoIsAssignedHasIt) {
  start_run();
  issue(1).assignees = {"ada"};
  tick();
  EXPECT_EQ(only_item().at.state, ItemState::stopped);
  EXPECT_EQ(only_item().reason, "ada was assigned to it");
}

TEST_F(CrashTest, AnOrderIsTakenWhateverTheLabelsAndOnlyOnce) {
  add_issue({});
  start();
  const auto order = [&] {
    return answer_of<Item>([&](Reply<Item> reply) {
      dispatcher_->dispatch({"org/app", 1, "fixer", "other", "plugin triage"}, std::move(reply));
    });
  };
  runs_.by_themselves = false;
  ASSERT_TRUE(order().ok());
  EXPECT_EQ(only_item().lane, "other");
  EXPECT_EQ(only_item().source, "plugin triage");
  EXPECT_EQ(order().error().code(), Code::conflict);
  tick();
  EXPECT_THAT(runs_.at_work(), SizeIs(1)) << "a label that was never asked for is not missed";
}

TEST_F(CrashTest, AnOrderForWhatIsOffOrElsewhereIsRefused) {
  add_issue({});
  forge_.add_repo("other/app");
  forge_.add_issue("other/app", "Crash");
  start();
  const auto order = [&](const std::string& repository, const std::string& playbook) {
    return answer_of<Item>([&](Reply<Item> reply) {
             dispatcher_->dispatch({repository, 1, playbook, "", "plugin triage"},
                                   std::move(reply));
           })
        .error()
        .code();
  };
  EXPECT_EQ(order("other/app", "fixer"), Code::conflict);
  EXPECT_EQ(order("org/app", "fxier"), Code::usage);
  EXPECT_EQ(order("org/none", "fixer"), Code::not_found);
  EXPECT_EQ(order("org/app", ""), Code::conflict) << "no playbook takes it by itself";
}

TEST_F(CrashTest, RetriedItGoesOnFromWhatWasKeptWithAllAttempts) {
  add_issue();
  verifier_.passes = [](const VerifyOrder&) { return false; };
  start();
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  verifier_.passes = [](const VerifyOrder&) { return true; };
  ASSERT_TRUE(answer_of<Item>([&](Reply<Item> reply) {
                dispatcher_->retry(only_item().id, std::move(reply));
              }).ok());
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(runs_.orders.back().attempt, 1);
  EXPECT_FALSE(runs_.orders.back().workspace.head.empty());
}

// Stopped while its pull request waits, which people then close.
class RetryTest : public CrashTest {
 protected:
  void stop_with_closed_pull() {
    add_issue();
    reporter_.waits_for_approval = true;
    start();
    (void)answer_of<Item>([&](Reply<Item> reply) {
      dispatcher_->cancel(only_item().id, "not like this", std::move(reply));
    });
    ASSERT_EQ(only_item().at.state, ItemState::stopped);
    ASSERT_THAT(pulls(), SizeIs(1));
    forge_.set_pr_state(parse_repo_name("org/app"), pulls()[0].number, false,
                        [](const auto& closed) { EXPECT_TRUE(closed.ok()); });
    loop_.drain();
    reporter_.waits_for_approval = false;
  }
  void retry() {
    ASSERT_TRUE(answer_of<Item>([&](Reply<Item> reply) {
                  dispatcher_->retry(only_item().id, std::move(reply));
                }).ok());
  }
  // Of the second run, in a pull request of its own.
  void expect_new_pull() {
    const auto item = only_item();
    EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
    EXPECT_EQ(item.runs, 2);
    EXPECT_EQ(workspaces_.pushes, 2U);
    EXPECT_EQ(branch_at(forge_, "org/app", item.branch), "sealed-" + item.run + "-" + item.head);
    ASSERT_THAT(pulls(), SizeIs(2));
    EXPECT_EQ(item.pull, pulls()[1].number);
    EXPECT_EQ(pulls()[1].head.sha, item.sealed);
  }
};

TEST_F(RetryTest, TheNewWorkIsPushedIntoANewPullRequestWhereTheOldIsClosed) {
  stop_with_closed_pull();
  retry();
  expect_new_pull();
}

TEST_F(RetryTest, ABranchThatWasRemovedIsMadeAnew) {
  stop_with_closed_pull();
  forge_.repos.at("org/app").branches.clear();
  retry();
  expect_new_pull();
}

TEST_F(RetryTest, APushThatNobodyLivedToNoteIsGoneOnFrom) {
  stop_with_closed_pull();
  store_.run_now([](Unit& unit) {
    unit.run("UPDATE items SET pushed=''");
    return 0;
  });
  retry();
  expect_new_pull();
}

TEST_F(CrashTest, WhatFailsWhenItIsRetriedIsNotBegunAnewByMatching) {
  add_issue();
  verifier_.passes = [](const VerifyOrder&) { return false; };
  start();
  ASSERT_TRUE(answer_of<Item>([&](Reply<Item> reply) {
                dispatcher_->retry(only_item().id, std::move(reply));
              }).ok());
  tick(hours(3));
  EXPECT_EQ(only_item().at.state, ItemState::failed);
  EXPECT_EQ(only_item().runs, 4) << "two attempts, and two more that a person ordered";
}

TEST_F(CrashTest, WhileTheStoreCantWriteNothingIsDone) {
  add_issue();
  start();
  close(1);
  tick();
  add_issue();
  store_.fail_next(Error(Code::unavailable, "the disk is full"), 3);
  tick();
  tick(minutes(15));
  EXPECT_EQ(items().back().at.state, ItemState::done);
  EXPECT_THAT(pulls(), SizeIs(2));
}

}  // namespace
}  // namespace host::dispatch
