// SPDX-License-Identifier: Apache-2.0
//
// What becomes of an item that a person cancels, whatever it is at and whatever its host does next.
#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::minutes;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CancelTest : public DispatcherTest {
 protected:
  void begin_host() {
    dispatcher_ =
        std::make_unique<Dispatcher>(world(), Log::to_memory(lines_), ++instance_, settings_);
    dispatcher_->start(rules_, [](const Status&) {});
  }
  // Goes on until it is acknowledged, and no further. Whether it was promised.
  bool cancel(ItemId id) {
    std::optional<bool> promised;
    dispatcher_->cancel(id, "by hand", [&](const Result<Item>& item) { promised = item.ok(); });
    while (!promised && loop_.run_one()) continue;
    EXPECT_TRUE(promised.has_value());
    return promised.value_or(false);
  }
  std::optional<Item> item_of(std::int64_t number) {
    for (const auto& item : items())
      if (item.number == number) return item;
    return std::nullopt;
  }
  // How many steps there are from a host's start to a pull request.
  int steps_of_one() {
    const auto number = add_issue().number;
    begin_host();
    int steps = 0;
    while (loop_.run_one()) ++steps;
    EXPECT_EQ(item_of(number)->at.state, ItemState::done);
    close(number);
    crash();
    return steps;
  }
  // An issue is cancelled after each number of steps, `ends` is what its host does then, and the
  // next host takes over. How many were cancelled while they lived.
  int cancel_after_each(const std::function<void()>& ends) {
    int promised = 0;
    const int steps = steps_of_one();
    for (int stop = 1; stop <= steps; ++stop) {
      const auto number = add_issue().number;
      begin_host();
      for (int i = 0; i < stop && loop_.run_one(); ++i) continue;
      const auto item = item_of(number);
      const bool kept = item && cancel(item->id);
      ends();
      start();
      tick(minutes(2));
      if (kept) {
        ++promised;
        expect_stopped(number, stop);
      }
      close(number);
      tick();
    }
    return promised;
  }
  void expect_stopped(std::int64_t number, int steps) {
    const auto item = item_of(number).value();
    // What was on its way to the disk already has come first.
    if (item.at.state == ItemState::done) return void(++done_);
    EXPECT_EQ(item.at.state, ItemState::stopped) << "after " << steps << " steps";
    EXPECT_THAT(item.reason, HasSubstr("by hand")) << "after " << steps << " steps";
    EXPECT_FALSE(item.run_open) << "after " << steps << " steps";
    const auto clone = workspaces_.clones.find(item.subject());
    if (clone != workspaces_.clones.end())
      EXPECT_EQ(clone->second.head, item.head) << "work that was not taken in, " << steps;
  }
  int done_ = 0;
};

TEST_F(CancelTest, IsKeptByAHostThatIsKilledAsSoonAsItIsAcknowledged) {
  EXPECT_GE(cancel_after_each([this] { crash(); }), 20);
  EXPECT_LE(done_, 2);
}

TEST_F(CancelTest, IsKeptByAHostThatIsStoppedAsSoonAsItIsAcknowledged) {
  EXPECT_GE(cancel_after_each([this] {
              bool drained = false;
              dispatcher_->drain([&] { drained = true; });
              loop_.drain();
              EXPECT_TRUE(drained);
              crash();
            }),
            20);
  EXPECT_LE(done_, 2);
}

TEST_F(CancelTest, OfARunThatTheHostsEndCutsShortTheWorkIsTakenInByTheNextHost) {
  add_issue();
  runs_.by_themselves = false;
  start();
  ASSERT_THAT(runs_.at_work(), SizeIs(1));
  workspaces_.clones.at("org/app#1").head = "half";
  ASSERT_TRUE(cancel(ItemId(1)));
  dispatcher_->drain([] {});
  loop_.drain();
  restart();
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::stopped}));
  EXPECT_EQ(only_item().reason, "by hand");
  EXPECT_EQ(only_item().head, "half");
  EXPECT_EQ(only_item().tokens, 50);
  EXPECT_FALSE(only_item().run_open);
  EXPECT_THAT(runs_.orders, SizeIs(1)) << "it is not begun again";
}

// While a workspace is set up.

class SetupTest : public CancelTest {
 protected:
  void begin_setup() {
    add_issue();
    workspaces_.sets_up_for_ever = true;
    start();
    ASSERT_EQ(workspaces_.setting_up(), 1U);
  }
};

TEST_F(SetupTest, ACancelEndsItAndTheItem) {
  begin_setup();
  ASSERT_TRUE(cancel(ItemId(1)));
  loop_.drain();
  EXPECT_EQ(workspaces_.setting_up(), 0U);
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::stopped}));
  EXPECT_EQ(only_item().reason, "by hand");
  EXPECT_THAT(runs_.orders, IsEmpty());
  EXPECT_EQ(dispatcher_->lanes().at("code").busy, 0) << "its place is free";
}

TEST_F(SetupTest, AnIssueThatIsClosedEndsIt) {
  begin_setup();
  close(1);
  tick();
  EXPECT_EQ(workspaces_.setting_up(), 0U);
  EXPECT_EQ(only_item().reason, "it was closed");
}

TEST_F(SetupTest, AStopOfTheHostEndsItAndTheNextBeginsItAnew) {
  begin_setup();
  bool drained = false;
  dispatcher_->drain([&] { drained = true; });
  loop_.drain();
  EXPECT_TRUE(drained);
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::waiting}));
  workspaces_.sets_up_for_ever = false;
  restart();
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(SetupTest, ADeadAgentsWorkDoesNotWaitForIt) {
  begin_setup();
  workspaces_.sets_up_for_ever = false;
  dispatcher_->hand_over({"code", "other", "its agent is dead"}, [](const auto&) {});
  loop_.drain();
  EXPECT_EQ(only_item().at.state, ItemState::done);
  EXPECT_EQ(only_item().lane, "other");
}

}  // namespace
}  // namespace host::dispatch
