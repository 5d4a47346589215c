// SPDX-License-Identifier: Apache-2.0
#include "deadman/hand_over.hpp"

#include <gmock/gmock.h>

#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HandOverTest : public ::testing::Test {
 protected:
  HandOverTest() { watch().dispatch = Dispatch{"code", "spare"}; }
  [[nodiscard]] Watch& watch() { return settings_.watches.at(0); }
  [[nodiscard]] Target& target() { return state_.target(watch()); }
  // Dead, seen a minute ago.
  void dies() {
    target().silence = {{"one", 59min}, "mark", false, true, 40min};
    target().active = true;
  }
  [[nodiscard]] std::vector<DueHandOver> due(Duration up = 1h) const {
    return due_hand_overs(settings_, state_, withheld_, {"one", up});
  }

  Settings settings_ = hermes_settings();
  State state_;
  std::set<std::string> withheld_;
};

TEST_F(HandOverTest, OfOneThatLivesNothingIsDue) {
  target().silence = {{"one", 59min}, "mark", false, true, 1min};
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(HandOverTest, WhileRestartsAreTriedItsWorkStays) {
  dies();
  ASSERT_TRUE(watch().restart);
  EXPECT_THAT(due(), IsEmpty());
  target().handed_off = true;
  const auto all = due();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].watch, "hermes");
  EXPECT_EQ(all[0].from, "code");
  EXPECT_EQ(all[0].to, "spare");
  EXPECT_THAT(all[0].why, HasSubstr("hermes has given no sign of life for 40m"));
}

TEST_F(HandOverTest, OneThatIsNotRestartedHandsOverOnceItIsDead) {
  watch().restart.reset();
  dies();
  EXPECT_EQ(due().size(), 1U);
}

TEST_F(HandOverTest, OneThatNobodyMayRestartHandsOverOnceItIsDead) {
  withheld_ = {"hermes"};
  EXPECT_THAT(due(), IsEmpty());
  dies();
  EXPECT_EQ(due().size(), 1U) << "it waits for a hand-off that never comes";
  withheld_ = {"other"};
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(HandOverTest, WithoutDispatchNothingIs) {
  dies();
  target().handed_off = true;
  watch().dispatch.reset();
  EXPECT_THAT(due(), IsEmpty());
}

// Hands are off until a person clears it; meanwhile it may be back at work.
TEST_F(HandOverTest, OneThatGivesSignsAgainKeepsItsWork) {
  dies();
  target().handed_off = true;
  target().silence.silent = 0min;
  target().beats = true;
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(HandOverTest, WhatNobodyLooksAtAnyMoreIsNotKnownToBeDead) {
  dies();
  target().handed_off = true;
  ASSERT_EQ(due().size(), 1U);
  EXPECT_THAT(due(3h), IsEmpty());
  target().trouble = "/s is a symbolic link";
  target().trouble_told = true;
  EXPECT_THAT(due(), IsEmpty()) << "nor what can't be watched";
}

}  // namespace
}  // namespace host::deadman
