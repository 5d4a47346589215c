// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <optional>

#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// One host, and what it notes of items that go.
class HandOverWorld : public DispatcherTest {
 public:
  HandOverWorld() { add_issue(); }
  void TestBody() override {}

  using DispatcherTest::crash, DispatcherTest::items, DispatcherTest::only_item;
  using DispatcherTest::restart, DispatcherTest::start, DispatcherTest::tick;

  // From code to heavy, as the deadman orders it. How many are on their way now.
  int hand_over(const std::string& to = "heavy") {
    const auto note = [](Unit& unit, const Item& gone) {
      unit.run("INSERT INTO audit (at, who, what, target, result) VALUES (0, 'w', 'h', ?, ?)",
               gone.lane, name(gone.at.gate));
    };
    int count = -1;
    dispatcher_->hand_over({"code", to, "its agent is dead", note},
                           [&](const Result<int>& moved) { count = moved.value(); });
    return count;
  }
  // "lane at gate" of each that went.
  std::vector<std::string> notes() {
    return store_.run_now([](Unit& unit) {
      auto& rows = unit.query("SELECT target, result FROM audit ORDER BY id");
      std::vector<std::string> all;
      while (rows.step()) all.push_back(rows.string(0) + " at " + rows.string(1));
      return all;
    });
  }
  // The host starts, and so many things happen; false: no more did.
  bool start_and_do(int events) {
    dispatcher_ =
        std::make_unique<Dispatcher>(world(), Log::to_memory(lines_), ++instance_, settings_);
    dispatcher_->start(rules_, [](const Status&) {});
    return go_on(events);
  }
  bool go_on(int events) {
    while (events-- > 0)
      if (!loop_.run_one()) return false;
    return true;
  }
  void first_run_is_rate_limited() {
    runs_.agent = [this](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
      auto facts = FakeRuns::fixes(order, clone);
      if (runs_.orders.size() == 1) facts.how = RunEnd::rate_limited;
      return facts;
    };
  }
  void pause_lane_code() { paused_ = "code"; }
  [[nodiscard]] std::vector<AttemptOrder>& orders() { return runs_.orders; }
};

class HandOverTest : public HandOverWorld {
 protected:
  void start_run() {
    runs_.by_themselves = false;
    start();
    ASSERT_THAT(runs_.at_work(), SizeIs(1));
  }
};

TEST_F(HandOverTest, ADeadAgentsWorkGoesOnInAnotherLaneAtNoCost) {
  start_run();
  add_issue();
  tick();
  runs_.by_themselves = true;
  EXPECT_EQ(hand_over(), 2);
  tick(minutes(2));
  for (const auto& item : items()) {
    EXPECT_EQ(item.lane, "heavy");
    EXPECT_EQ(item.at.state, ItemState::done);
    EXPECT_EQ(item.attempts, 1);
    EXPECT_EQ(item.interruptions, 0);
  }
  EXPECT_EQ(notes(), (std::vector<std::string>{"heavy at track", "heavy at track"}));
}

TEST_F(HandOverTest, WhatIsOnItsWayToAnotherLaneIsHandedOverOnce) {
  start_run();
  EXPECT_EQ(hand_over(), 1);
  EXPECT_EQ(hand_over(), 0);
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_EQ(hand_over(), 0);
  EXPECT_THAT(notes(), SizeIs(1));
}

TEST_F(HandOverTest, WhatAPersonWantsStoppedGoesNowhere) {
  start_run();
  dispatcher_->cancel(only_item().id, "enough", [](const auto&) {});
  loop_.run_one();
  EXPECT_EQ(hand_over(), 0);
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::stopped);
  EXPECT_THAT(notes(), IsEmpty());
}

// The next look at the dead agent finds it in its old lane.
TEST_F(HandOverTest, AHostThatEndsWhileItHandsOverLosesNothing) {
  start_run();
  hand_over();
  restart();
  runs_.by_themselves = true;
  hand_over();
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(HandOverTest, WhatCantBeWrittenHasNotGoneAndIsNotNoted) {
  paused_ = "code";
  start();
  ASSERT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting}));
  store_.fail_next(Error(Code::unavailable, "the disk is full"));
  EXPECT_EQ(hand_over(), 1);
  loop_.drain();
  EXPECT_EQ(only_item().lane, "code");
  EXPECT_THAT(notes(), IsEmpty());
  EXPECT_EQ(hand_over(), 0) << "it is tried again by itself";
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_THAT(notes(), SizeIs(1));
}

TEST_F(HandOverTest, AnItemThatWasChangedMeanwhileGoesAllTheSame) {
  paused_ = "code";
  start();
  store_.fail_next(Error(Code::stale, "its row is another"));
  EXPECT_EQ(hand_over(), 1);
  loop_.drain();
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_THAT(notes(), SizeIs(1));
}

TEST_F(HandOverTest, WhatCantBeReadStaysUntilItIsKnownWhatItIs) {
  paused_ = "code";
  start();
  store_.fail_next(Error(Code::stale, "its row is another, and can't be read"), 2);
  EXPECT_EQ(hand_over(), 1);
  loop_.drain();
  EXPECT_EQ(only_item().lane, "code");
  EXPECT_THAT(notes(), IsEmpty());
  EXPECT_EQ(hand_over(), 0) << "the order stands";
  loop_.drain();
  EXPECT_EQ(only_item().lane, "code");
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_THAT(notes(), SizeIs(1));
}

TEST_F(HandOverTest, AnOrderThatCanNeverBeWrittenIsDroppedAndTheNextIsCarriedOut) {
  paused_ = "code";
  start();
  store_.fail_next(Error(Code::invalid, "the note can't be written"));
  EXPECT_EQ(hand_over(), 1);
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "code");
  EXPECT_THAT(notes(), IsEmpty());
  EXPECT_EQ(hand_over(), 1) << "the deadman orders it anew at each look";
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_THAT(notes(), SizeIs(1));
}

TEST_F(HandOverTest, ARunWhoseEndCantBeToldIsDealtWithBeforeItsItemGoes) {
  runs_.untold = 1;
  start();
  ASSERT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting}));
  ASSERT_TRUE(only_item().run_open);
  EXPECT_EQ(hand_over(), 1);
  loop_.drain();
  EXPECT_EQ(only_item().lane, "code") << "nobody knows yet what its agent did";
  tick(minutes(2));
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().lane, "code") << "it was through with it";
  EXPECT_EQ(only_item().runs, 1);
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(HandOverTest, ARunThatIsEndedForItIsDealtWithBeforeItsItemGoes) {
  start_run();
  runs_.untold = 1;
  EXPECT_EQ(hand_over(), 1);
  loop_.drain();
  EXPECT_THAT(runs_.at_work(), IsEmpty());
  EXPECT_EQ(only_item().lane, "code") << "what its agent committed is not taken in yet";
  EXPECT_TRUE(only_item().run_open);
  runs_.by_themselves = true;
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().attempts, 1);
  EXPECT_THAT(notes(), SizeIs(1));
}

TEST_F(HandOverTest, ARunThatDiesWithItsAgentUsesUpNoAttempt) {
  runs_.agent = [this](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
    auto facts = FakeRuns::fixes(order, clone);
    if (runs_.orders.size() == 1) facts.how = RunEnd::crashed;
    return facts;
  };
  workspaces_.takes = [] { return Duration(std::chrono::seconds(10)); };
  start();
  tick(std::chrono::seconds(15));
  ASSERT_THAT(runs_.at_work(), IsEmpty());
  ASSERT_TRUE(only_item().run_open) << "its commits are being taken in";
  EXPECT_EQ(hand_over(), 1);
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "heavy");
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().attempts, 1);
}

constexpr const char* kOneLane = R"({"lanes": {"code": {"agent": {"kind": "hermes"}}}})";

TEST_F(HandOverTest, WhatWasToGoToALaneThatIsGoneStaysAtNoCost) {
  start_run();
  EXPECT_EQ(hand_over(), 1);
  set_rules({{"fixer", ""}}, kOneLane);
  runs_.by_themselves = true;
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "code");
  EXPECT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
  EXPECT_EQ(only_item().attempts, 1);
  EXPECT_EQ(only_item().interruptions, 0);
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(HandOverTest, WhoseSetupWasEndedToGoToALaneThatIsGoneIsSetUpAnew) {
  workspaces_.sets_up_for_ever = true;
  start();
  ASSERT_EQ(workspaces_.setting_up(), 1U);
  EXPECT_EQ(hand_over(), 1);
  set_rules({{"fixer", ""}}, kOneLane);
  workspaces_.sets_up_for_ever = false;
  tick(minutes(2));
  EXPECT_EQ(only_item().lane, "code");
  EXPECT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
  EXPECT_EQ(only_item().interruptions, 0);
}

TEST_F(HandOverTest, ALaneHandsNothingOverToItself) {
  start_run();
  std::optional<Result<int>> moved;
  dispatcher_->hand_over({"code", "code", "its agent is dead", {}},
                         [&](const Result<int>& result) { moved = result; });
  ASSERT_TRUE(moved && !moved->ok());
  EXPECT_EQ(moved->error().code(), Code::usage);
  loop_.drain();
  EXPECT_THAT(runs_.at_work(), SizeIs(1));
}

struct Course {
  const char* name;
  bool rate_limited;
  bool paused;  // once it is ordered, no run of lane code starts any more
};
class HandOverAtAnyMoment : public ::testing::TestWithParam<Course> {
 protected:
  static void prepare(HandOverWorld& world) {
    if (GetParam().rate_limited) world.first_run_is_rate_limited();
  }
  // Of each moment of an item's way, until nothing happens any more.
  template <class Check>
  static void at_each_moment(const Check& check) {
    for (int moment = 1;; ++moment) {
      HandOverWorld world;
      prepare(world);
      const bool more = world.start_and_do(moment);
      SCOPED_TRACE("after " + std::to_string(moment) + " events");
      check(world);
      if (testing::Test::HasFailure()) return;
      if (more) continue;
      EXPECT_GT(moment, 30);
      return;
    }
  }
};

// Whatever step is under way, and whatever of it is just being written.
TEST_P(HandOverAtAnyMoment, AnItemGoesOnceOrItsAgentWasThroughWithIt) {
  int went = 0;
  at_each_moment([&](HandOverWorld& world) {
    const auto before = world.items().empty() ? Item{} : world.only_item();
    const auto runs_before = world.orders().size();
    const int count = world.hand_over();
    if (GetParam().paused && count == 1) world.pause_lane_code();
    world.tick(hours(1));
    const auto item = world.only_item();
    ASSERT_EQ(item.at.state, ItemState::done) << item.reason;
    ASSERT_EQ(item.attempts, 1);
    const bool gone = item.lane == "heavy";
    went += gone;
    // Only what waited for an agent has gone, with its note.
    ASSERT_EQ(world.notes(),
              gone ? std::vector<std::string>{"heavy at track"} : std::vector<std::string>{});
    ASSERT_FALSE(gone && before.at.gate > Gate::track) << "its agent was through with it";
    if (count == 0) {
      ASSERT_FALSE(gone);
      return;
    }
    // No agent of the dead lane is set to work after the order.
    for (auto at = runs_before; at < world.orders().size(); ++at)
      ASSERT_EQ(world.orders()[at].work.lane->name, "heavy");
    ASSERT_TRUE(gone || world.orders().size() == runs_before) << "it was forgotten";
  });
  EXPECT_GT(went, 10);
}

TEST_P(HandOverAtAnyMoment, AHostThatDiesHasWrittenBothOrNeither) {
  for (const int events : {0, 1, 2, 5})
    at_each_moment([&](HandOverWorld& world) {
      world.hand_over();
      (void)world.go_on(events);
      world.crash();
      if (world.items().empty()) return;
      const bool gone = world.only_item().lane == "heavy";
      ASSERT_EQ(world.notes().size(), gone ? 1U : 0U);
      world.start();
      world.hand_over();
      world.tick(hours(1));
      ASSERT_EQ(world.only_item().at.state, ItemState::done) << world.only_item().reason;
      ASSERT_EQ(world.only_item().attempts, 1);
      ASSERT_EQ(world.notes().size(), world.only_item().lane == "heavy" ? 1U : 0U);
    });
}

INSTANTIATE_TEST_SUITE_P(HandOver, HandOverAtAnyMoment,
                         ::testing::Values(Course{"mends", false, false},
                                           Course{"mends_paused", false, true},
                                           Course{"rate_limited", true, false},
                                           Course{"rate_limited_paused", true, true}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace host::dispatch
