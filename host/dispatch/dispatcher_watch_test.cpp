// SPDX-License-Identifier: Apache-2.0
//
// What people do while an item takes no step, and what it costs the forge to see it.
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

constexpr const char* kRoomyLanes = R"({"lanes": {
  "code": {"agent": {"kind": "hermes"}, "concurrency": 20}
}})";

class WatchTest : public DispatcherTest {
 protected:
  WatchTest() { set_rules({{"fixer", ""}}, kRoomyLanes); }

  void start_with(int items) {
    for (int i = 0; i < items; ++i) add_issue();
    start();
  }
  // Requests within the time.
  std::size_t calls_in(Duration time) {
    const auto before = forge_.calls;
    tick(time);
    return forge_.calls - before;
  }
  void touch(std::int64_t number) { issue(number).updated_at = loop_.clock().wall(); }
};

// A pull request waits for a person's word.

class WaitingTest : public WatchTest {
 protected:
  void start_waiting(int items = 1) {
    reporter_.waits_for_approval = true;
    start_with(items);
    for (const auto& item : this->items())
      ASSERT_EQ(item.at, (Position{Gate::report, ItemState::waiting})) << item.reason;
    pull_ = items == 1 ? only_item().pull : 0;
  }
  std::size_t calls_while_waiting(int items) {
    start_waiting(items);
    tick(minutes(5));
    return calls_in(minutes(30));
  }
  void expect_stopped(const std::string& why) {
    const auto item = only_item();
    EXPECT_EQ(item.at, (Position{Gate::report, ItemState::stopped})) << item.reason;
    EXPECT_THAT(item.reason, HasSubstr(why));
    EXPECT_FALSE(item.head.empty());
    ASSERT_THAT(reporter_.told, SizeIs(1));
    EXPECT_THAT(reporter_.told[0], HasSubstr("The work is kept."));
  }
  std::int64_t pull_ = 0;
};

TEST_F(WaitingTest, ForWhomNothingHappensCostsTheForgeNothing) {
  const auto one = calls_while_waiting(1);
  const auto asked = reporter_.orders.size();
  tick(minutes(20));
  EXPECT_EQ(reporter_.orders.size(), asked) << "nothing changed";
  EXPECT_LT(one, 200U) << "a look for work is two requests";
}

TEST_F(WaitingTest, ManyCostNoMoreThanOne) { EXPECT_LT(calls_while_waiting(15), 200U); }

TEST_F(WaitingTest, AnApprovalIsSeenByTheNextLookForWork) {
  start_waiting();
  tick(minutes(5));
  reporter_.waits_for_approval = false;
  tick(minutes(5));
  EXPECT_TRUE(only_item().live()) << "nothing at the forge says so";
  touch(pull_);
  tick();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(WaitingTest, AnApprovalOfWhichTheForgeTellsIsSeenAtOnce) {
  start_waiting();
  tick(minutes(5));
  reporter_.waits_for_approval = false;
  tick(seconds(1));
  touch(pull_);
  dispatcher_->look_at("org/app", pull_);
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(WaitingTest, AnApprovalThatComesDuringALookIsNotLost) {
  start_waiting();
  tick(minutes(5));
  reporter_.holds = true;
  touch(pull_);
  tick();
  // It is looked at. Somebody approves it, and something newer happens elsewhere, which is what the
  // looks for work begin from after that.
  issue(pull_).updated_at = loop_.clock().wall() + seconds(1);
  add_issue({"wontfix"}).updated_at = loop_.clock().wall() + seconds(60);
  tick();
  reporter_.go_on();
  reporter_.waits_for_approval = false;
  tick();
  EXPECT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
}

TEST_F(WaitingTest, AnApprovalThatComesWhileThatOfALookIsWrittenIsNotLost) {
  start_waiting();
  tick(minutes(5));
  reporter_.holds = true;
  touch(pull_);
  tick();
  reporter_.go_on();
  reporter_.waits_for_approval = false;
  issue(pull_).updated_at = loop_.clock().wall() + seconds(1);
  dispatcher_->look_at("org/app", pull_);
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
}

TEST_F(WaitingTest, WhatLeavesNoMarkIsLookedForNowAndThen) {
  start_waiting();
  reporter_.waits_for_approval = false;
  tick(hours(1) + minutes(2));
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(WaitingTest, ForChecksIsLookedForEachMinute) {
  reporter_.waits_unmarked = true;
  start_waiting();
  tick(minutes(5));
  reporter_.waits_for_approval = false;
  tick(minutes(1) + seconds(5));
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(WaitingTest, IsStoppedWhereItsIssueIsClosed) {
  start_waiting();
  close(1);
  tick();
  expect_stopped("it was closed");
  EXPECT_EQ(forge_.repos.at("org/app").issues.at(pull_).state, "open") << "that is people's";
}

TEST_F(WaitingTest, IsStoppedWhereItsLabelIsTakenOff) {
  start_waiting();
  unlabel(1);
  tick();
  expect_stopped("playbook fixer takes it no longer");
}

TEST_F(WaitingTest, IsStoppedWhereSomebodyIsAssigned) {
  start_waiting();
  issue(1).assignees = {"ada"};
  touch(1);
  tick();
  expect_stopped("ada was assigned to it");
}

TEST_F(WaitingTest, IsStoppedWhereItsPullRequestIsClosed) {
  start_waiting();
  forge_.set_pr_state(parse_repo_name("org/app"), pull_, false, [](const auto&) {});
  tick();
  expect_stopped("its pull request 2 was closed");
}

TEST_F(WaitingTest, IsStoppedWhereItsPullRequestIsGone) {
  start_waiting();
  auto& repo = forge_.repos.at("org/app");
  repo.pulls.erase(pull_), repo.issues.erase(pull_);
  tick(minutes(11));
  expect_stopped("its pull request 2 is gone");
}

TEST_F(WaitingTest, IsDoneWhereAPersonMergesItWhichClosesTheIssue) {
  start_waiting();
  forge_.merge_pr(parse_repo_name("org/app"), pull_, {}, [](const auto&) {});
  close(1);
  reporter_.waits_for_approval = false;
  tick();
  EXPECT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
}

TEST_F(WaitingTest, WhatHappenedWhileNoHostWasThereIsSeenByTheNext) {
  start_waiting();
  crash();
  close(1);
  start();
  tick();
  expect_stopped("it was closed");
}

// An agent, or the gates, are at work.

class WorkingTest : public WatchTest {
 protected:
  std::size_t calls_at_work(int items) {
    runs_.by_themselves = false;
    start_with(items);
    EXPECT_THAT(runs_.at_work(), SizeIs(items));
    tick(minutes(5));
    return calls_in(minutes(30));
  }
};

TEST_F(WorkingTest, OneCostsALookForWork) { EXPECT_LT(calls_at_work(1), 100U); }
TEST_F(WorkingTest, ManyCostNoMoreThanOne) { EXPECT_LT(calls_at_work(15), 100U); }

TEST_F(WorkingTest, OfARepositoryThatNobodyLooksAtAnyMoreTheIssueIsAskedFor) {
  (void)calls_at_work(1);
  set_rules({{"fixer", "matching: { repositories: [org/other], labels: { all: [bug] } }\n"}});
  issue(1).assignees = {"ada"};
  tick();
  EXPECT_THAT(runs_.at_work(), IsEmpty());
  EXPECT_THAT(only_item().reason, HasSubstr("ada was assigned"));
}

TEST_F(WorkingTest, WhatOnlyALookAtEverythingShowsIsHeardOf) {
  (void)calls_at_work(1);
  add_issue({"wontfix"});
  tick(minutes(1));
  // Without a mark, as where the issue was moved away.
  issue(1).state = "closed";
  tick(minutes(11));
  EXPECT_THAT(runs_.at_work(), IsEmpty());
  EXPECT_EQ(only_item().reason, "it was closed");
}

// What a person cancels is nobody's work any more, whatever else was seen of it before.
TEST_F(WorkingTest, ALabelThatWasBackBeforeItWasCancelledBringsNothingBack) {
  workspaces_.takes = [] { return Duration(seconds(10)); };
  runs_.by_themselves = false;
  start_with(1);
  tick(seconds(11));
  ASSERT_THAT(runs_.at_work(), SizeIs(1));
  unlabel(1);
  dispatcher_->look_at("org/app", 1);
  loop_.drain();
  ASSERT_THAT(runs_.at_work(), IsEmpty());
  // Its stop is overtaken, as by a rename, and the label is on again.
  store_.run_now([](Unit& unit) { rename_items(unit, "org/app", "org/app"); });
  issue(1).labels.push_back({0, "bug", "", "", false});
  paused_ = "code";
  tick(minutes(5));
  ASSERT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting})) << only_item().reason;
  dispatcher_->cancel(only_item().id, "enough", [](const auto&) {});
  loop_.drain();
  EXPECT_EQ(only_item().reason, "enough");
}

// The forge says that the host may not.

class RefusedTest : public WatchTest {
 protected:
  // From the first agent's start on.
  void start_refused() {
    add_issue();
    runs_.refuse = Error(Code::denied, "pushing to org/app is not allowed", "Give the permission.");
    start();
    ASSERT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting}));
  }
};

TEST_F(RefusedTest, ItSaysSoAndUntilWhen) {
  start_refused();
  const auto item = only_item();
  EXPECT_THAT(item.reason, HasSubstr("refused 1 times since 2026-01-05T12:00:00Z"));
  EXPECT_THAT(item.reason, HasSubstr("fails at 2026-01-06T12:00:00Z"));
  EXPECT_THAT(item.reason, HasSubstr("pushing to org/app is not allowed; Give the permission."));
  EXPECT_EQ(visits(item.id).back().evidence.at("refused").at("times"), 1);
  EXPECT_THAT(*lines_, testing::Contains(HasSubstr("is refused something")));
  EXPECT_EQ(item.attempts, 0);
}

TEST_F(RefusedTest, ItIsTriedMoreAndMoreSeldomAndFailsAfterADay) {
  start_refused();
  tick(minutes(4));
  EXPECT_THAT(only_item().reason, HasSubstr("refused 3 times")) << "after 1 and 2 minutes";
  tick(hours(23));
  EXPECT_TRUE(only_item().live());
  tick(hours(1));
  const auto item = only_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_THAT(item.reason, HasSubstr("refused 30 times since 2026-01-05T12:00:00Z: pushing to"));
  ASSERT_THAT(reporter_.told, SizeIs(1));
  EXPECT_THAT(reporter_.told[0], HasSubstr("pushing to org/app is not allowed"));
}

TEST_F(RefusedTest, ManyHostsMakeItNoLonger) {
  start_refused();
  for (int i = 0; i < 12; ++i) {
    tick(hours(2));
    restart();
  }
  tick(minutes(5));
  EXPECT_EQ(only_item().at.state, ItemState::failed) << only_item().reason;
}

TEST_F(RefusedTest, WhatIsAllowedMeanwhileGoesOnAndANewRefusalHasADayOfItsOwn) {
  start_refused();
  tick(hours(20));
  runs_.refuse.reset();
  reporter_.fail_publish = Error(Code::denied, "opening pull requests is not allowed");
  tick(hours(1) + minutes(1));
  ASSERT_EQ(only_item().at, (Position{Gate::report, ItemState::waiting})) << only_item().reason;
  tick(hours(20));
  EXPECT_TRUE(only_item().live());
  reporter_.fail_publish.reset();
  tick(hours(1));
  EXPECT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
}

TEST_F(RefusedTest, WhoReloadsIsHeardAtOnce) {
  start_refused();
  tick(hours(20));
  runs_.refuse.reset();
  set_rules({{"fixer", ""}}, kRoomyLanes);
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(RefusedTest, WhoReloadsIsHeardAtOnceAlsoByTheNextHost) {
  start_refused();
  tick(hours(20));
  runs_.refuse.reset();
  restart();
  ASSERT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting})) << "its hour is not over";
  set_rules({{"fixer", ""}}, kRoomyLanes);
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
}

TEST_F(RefusedTest, WhatPassesByItselfIsTriedMoreAndMoreSeldomForEver) {
  add_issue();
  runs_.refuse = Error(Code::unavailable, "no run can be started");
  start();
  tick(hours(48));
  EXPECT_TRUE(only_item().live());
  EXPECT_LT(only_item().runs, 200);
  EXPECT_GT(only_item().runs, 100);
}

}  // namespace
}  // namespace host::dispatch
