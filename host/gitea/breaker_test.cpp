// SPDX-License-Identifier: Apache-2.0
#include "gitea/breaker.hpp"

#include <gtest/gtest.h>

#include "base/fake_loop.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;

class BreakerTest : public ::testing::Test {
 protected:
  void fail(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(breaker_.admit());
      breaker_.failed();
    }
  }
  FakeLoop loop_;
  std::mt19937_64 random_{1};
  int probes_ = 0;
  std::vector<bool> changes_;
  Breaker breaker_{loop_,
                   random_,
                   {3, 4s, 16s},
                   [this] { ++probes_; },
                   [this](bool open) { changes_.push_back(open); }};
};

TEST_F(BreakerTest, OpensAfterFailuresInARowAndNotBefore) {
  fail(2);
  EXPECT_FALSE(breaker_.open());
  ASSERT_TRUE(breaker_.admit());
  breaker_.succeeded();
  fail(2);
  EXPECT_FALSE(breaker_.open());
  fail(1);
  EXPECT_TRUE(breaker_.open());
  EXPECT_FALSE(breaker_.admit());
  EXPECT_EQ(changes_, std::vector<bool>{true});
}

TEST_F(BreakerTest, OneObjectThatBreaksTheServerNeverOpensIt) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(breaker_.admit());
    breaker_.failed_on("org/app#5");
  }
  EXPECT_FALSE(breaker_.open());
  for (const char* other : {"org/app#6", "org/app#7"}) {
    ASSERT_TRUE(breaker_.admit());
    breaker_.failed_on(other);
  }
  EXPECT_TRUE(breaker_.open()) << "different ones in a row: it is the server";
}

TEST_F(BreakerTest, ASuccessForgetsTheObjectsThatFailedBefore) {
  breaker_.failed_on("a");
  breaker_.failed_on("b");
  breaker_.succeeded();
  for (const char* each : {"a", "b", "a", "b"}) breaker_.failed_on(each);
  EXPECT_FALSE(breaker_.open());
  fail(1);
  EXPECT_TRUE(breaker_.open());
}

TEST_F(BreakerTest, ATrialOfAnObjectThatFailedBeforeSaysNothing) {
  for (const char* each : {"a", "b", "c"}) breaker_.failed_on(each);
  loop_.advance(4s);
  ASSERT_TRUE(breaker_.admit());
  breaker_.failed_on("a");
  ASSERT_TRUE(breaker_.admit()) << "room for the next";
  breaker_.failed_on("d");
  EXPECT_FALSE(breaker_.admit());
}

TEST_F(BreakerTest, LetsOneTrialThroughAfterItsPause) {
  fail(3);
  EXPECT_GE(breaker_.left(), Duration(2s));
  EXPECT_LE(breaker_.left(), Duration(4s));
  loop_.advance(4s);
  EXPECT_TRUE(breaker_.admit());
  EXPECT_FALSE(breaker_.admit());
  breaker_.succeeded();
  EXPECT_FALSE(breaker_.open());
  EXPECT_TRUE(breaker_.admit());
  EXPECT_EQ(changes_, (std::vector<bool>{true, false}));
}

TEST_F(BreakerTest, WaitsLongerAfterEachFailedTrialUpToACap) {
  fail(3);
  for (const Duration longest : {8s, 16s, 16s, 16s}) {
    loop_.advance(16s);
    ASSERT_TRUE(breaker_.admit());
    breaker_.failed();
    EXPECT_GE(breaker_.left(), longest / 2);
    EXPECT_LE(breaker_.left(), longest);
  }
  EXPECT_EQ(changes_, std::vector<bool>{true});
}

TEST_F(BreakerTest, ProbesByTimerOnlyWhileSomebodyWaits) {
  fail(3);
  EXPECT_EQ(loop_.armed(), 0u);
  loop_.advance(60s);
  EXPECT_EQ(probes_, 0);
  breaker_.set_waiting(true);
  loop_.drain();
  EXPECT_EQ(probes_, 1);
  ASSERT_TRUE(breaker_.admit());
  breaker_.failed();
  loop_.advance(8s);
  EXPECT_EQ(probes_, 2);
  ASSERT_TRUE(breaker_.admit());
  breaker_.failed();
  breaker_.set_waiting(false);
  EXPECT_EQ(loop_.armed(), 0u);
}

TEST_F(BreakerTest, ATrialThatSaysNothingLeavesRoomForTheNext) {
  fail(3);
  loop_.advance(4s);
  ASSERT_TRUE(breaker_.admit());
  breaker_.undecided();
  EXPECT_TRUE(breaker_.open());
  EXPECT_TRUE(breaker_.admit());
}

TEST_F(BreakerTest, ALateSuccessClosesItAndALateFailureChangesNothing) {
  fail(3);
  const auto left = breaker_.left();
  breaker_.failed();
  EXPECT_EQ(breaker_.left(), left);
  breaker_.succeeded();
  EXPECT_FALSE(breaker_.open());
}

}  // namespace
}  // namespace host
