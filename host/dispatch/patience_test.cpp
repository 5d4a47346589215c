// SPDX-License-Identifier: Apache-2.0
#include "dispatch/patience.hpp"

#include <gtest/gtest.h>

#include "base/fake_loop.hpp"

namespace host::dispatch {
namespace {

using std::chrono::minutes;

class PatienceTest : public testing::Test {
 protected:
  FakeLoop loop_;
  int lost_ = 0;
  Patience patience_{loop_, minutes(5), [this] { ++lost_; }};
};

TEST_F(PatienceTest, IsLostOnceWithWhoIsRefusedAllTheTime) {
  for (int minute = 0; minute < 5; ++minute) {
    EXPECT_EQ(lost_, 0);
    patience_.refused(true, false);
    loop_.advance(minutes(1));
  }
  EXPECT_EQ(lost_, 1);
  loop_.advance(minutes(60));
  EXPECT_EQ(lost_, 1);
}

TEST_F(PatienceTest, AnAnswerBringsAllOfItBack) {
  patience_.refused(true, false);
  loop_.advance(minutes(4));
  patience_.answered();
  loop_.advance(minutes(60));
  EXPECT_EQ(lost_, 0);
  patience_.refused(true, false);
  loop_.advance(minutes(4));
  EXPECT_EQ(lost_, 0);
  loop_.advance(minutes(1));
  EXPECT_EQ(lost_, 1);
}

TEST_F(PatienceTest, RestsWhileAnotherCallIsWithAModel) {
  patience_.refused(true, true);
  loop_.advance(minutes(60));
  patience_.refused(true, true);
  EXPECT_EQ(lost_, 0);
  patience_.with_model(false);
  loop_.advance(minutes(5));
  EXPECT_EQ(lost_, 1) << "it brought no answer";
}

TEST_F(PatienceTest, CallsThatBringNoAnswerBringNothingBack) {
  patience_.refused(true, false);
  for (int times = 0; times < 4; ++times) {
    loop_.advance(minutes(1));
    patience_.with_model(true);
    loop_.advance(minutes(30));
    patience_.with_model(false);
  }
  EXPECT_EQ(lost_, 0);
  loop_.advance(minutes(1));
  EXPECT_EQ(lost_, 1);
}

TEST_F(PatienceTest, WhatIsNotForTheRunToMendDoesNotCount) {
  patience_.refused(false, false);
  patience_.with_model(true);
  patience_.with_model(false);
  loop_.advance(minutes(60));
  EXPECT_EQ(lost_, 0);
}

TEST_F(PatienceTest, RestsFromARefusalThatDoesNotCountUntilOneThatDoes) {
  patience_.refused(true, false);
  loop_.advance(minutes(4));
  patience_.refused(false, false);
  loop_.advance(minutes(60));
  EXPECT_EQ(lost_, 0);
  patience_.refused(true, false);
  EXPECT_EQ(lost_, 0);
  loop_.advance(minutes(1));
  EXPECT_EQ(lost_, 1) << "what was lost before does not come back without an answer";
}

TEST_F(PatienceTest, EndsWithItsRun) {
  patience_.refused(true, false);
  patience_.end();
  loop_.advance(minutes(60));
  EXPECT_EQ(lost_, 0);
}

}  // namespace
}  // namespace host::dispatch
