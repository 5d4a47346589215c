// SPDX-License-Identifier: Apache-2.0
//
// Who has one of a lane's places, and for how long.
#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A lane of one place, and two repositories.
class PlaceTest : public DispatcherTest {
 protected:
  PlaceTest() { forge_.add_repo("org/b", {"bug"}).about.can_push = true; }
  void expect_done(const Item& item) {
    EXPECT_EQ(item.at.state, ItemState::done) << item.subject() << ": " << item.reason;
  }
};

TEST_F(PlaceTest, WhatWaitsAtVerifyKeepsNobodyFromTheLane) {
  bool denied = true;
  verifier_.passes = [&](const VerifyOrder& order) {
    if (denied && order.work.item.repository == "org/app")
      throw Error(Code::denied, "reading org/app is not allowed");
    return true;
  };
  add_issue();
  start();
  ASSERT_EQ(only_item().at, (Position{Gate::verify, ItemState::waiting}));
  EXPECT_EQ(dispatcher_->lanes().at("code").busy, 0);
  EXPECT_EQ(dispatcher_->lanes().at("code").waiting, 1);
  add_issue({"bug"}, "org/b");
  tick();
  ASSERT_THAT(items(), SizeIs(2));
  expect_done(items()[1]);
  EXPECT_THAT(items()[0].reason, HasSubstr("reading org/app is not allowed"));
  denied = false;
  tick(hours(1));
  expect_done(items()[0]);
  EXPECT_EQ(items()[0].runs, 1);
}

TEST_F(PlaceTest, WhatComesBackToVerifyWaitsForAPlace) {
  verifier_.passes = [this](const VerifyOrder&) {
    if (verifier_.asked == 1) throw Error(Code::unavailable, "git can't be started");
    return true;
  };
  add_issue();
  start();
  runs_.by_themselves = false;
  add_issue();
  tick(minutes(10));
  ASSERT_THAT(runs_.at_work(), SizeIs(1));
  EXPECT_EQ(items()[0].at, (Position{Gate::verify, ItemState::waiting}));
  EXPECT_EQ(items()[0].reason, "lane code is full: 1 at work");
  EXPECT_EQ(verifier_.asked, 1U);
  runs_.finish(runs_.at_work()[0]);
  loop_.drain();
  for (const auto& item : items()) expect_done(item);
}

// Also where one that has waited longer would be first.
TEST_F(PlaceTest, WhatIsSentBackKeepsItsPlace) {
  std::vector<std::int64_t> numbers;
  verifier_.takes = [] { return Duration(minutes(10)); };
  verifier_.passes = [this](const VerifyOrder&) { return verifier_.asked > 1; };
  runs_.agent = [&](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
    numbers.push_back(order.work.item.number);
    auto facts = FakeRuns::fixes(order, clone);
    if (numbers.size() == 1) facts.how = RunEnd::rate_limited;
    return facts;
  };
  add_issue(), add_issue();
  start();
  tick(hours(1));
  for (const auto& item : items()) expect_done(item);
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{1, 2, 2, 1}));
}

TEST_F(PlaceTest, WhatIsSentBackToALaneThatPausesGivesItsPlaceUp) {
  verifier_.passes = [this](const VerifyOrder&) {
    paused_ = "code";
    return false;
  };
  add_issue();
  start();
  EXPECT_EQ(only_item().reason, "pipeline code pauses");
  EXPECT_EQ(dispatcher_->lanes().at("code").busy, 0);
}

// As where the disk is broken for it alone.
TEST_F(PlaceTest, WhoseBeginCantBeWrittenHasNone) {
  paused_ = "code";
  add_issue(), add_issue();
  start();
  paused_.clear();
  store_.fail_next(Error(Code::io, "the row can't be written"));
  dispatcher_->budget_changed();
  tick(seconds(10));
  ASSERT_THAT(items(), SizeIs(2));
  EXPECT_EQ(items()[0].at, (Position{Gate::track, ItemState::waiting}));
  expect_done(items()[1]);
  tick(minutes(2));
  expect_done(items()[0]);
}

}  // namespace
}  // namespace host::dispatch
