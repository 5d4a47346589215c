// SPDX-License-Identifier: Apache-2.0
#include "app/forge_lanes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace host {
namespace {

using ::testing::ElementsAre;

class ForgeLanesTest : public ::testing::Test {
 protected:
  void make(ForgeLanes::Bounds bounds) {
    lanes_ = std::make_shared<ForgeLanes>(bounds, [this] { ++idle_; });
  }
  // Work of a lane that runs until end() of that lane.
  void add(std::size_t lane) {
    lanes_->add(lane, [this, lane](ForgeLanes::Done done) {
      started_.push_back(lane);
      running_.emplace(lane, std::move(done));
    });
  }
  void end(std::size_t lane) {
    const auto at = running_.find(lane);
    const auto done = at->second;
    running_.erase(at);
    done();
  }

  std::shared_ptr<ForgeLanes> lanes_;
  std::vector<std::size_t> started_;
  std::multimap<std::size_t, ForgeLanes::Done> running_;
  int idle_ = 0;
};

TEST_F(ForgeLanesTest, NoMoreRunsAtOnceThanTheBoundsSay) {
  make({.at_once = 3, .in_lane = 2});
  for (int i = 0; i < 4; ++i) add(0);
  EXPECT_EQ(running_.size(), 2u) << "of one lane";
  for (int i = 0; i < 4; ++i) add(1);
  EXPECT_EQ(running_.size(), 3u) << "of all";
}

TEST_F(ForgeLanesTest, WhatStartsNextIsOfTheLaneWithTheLeastUnderWay) {
  make({.at_once = 3, .in_lane = 3});
  for (int i = 0; i < 5; ++i) add(0);
  add(1);
  add(2);
  ASSERT_THAT(started_, ElementsAre(0, 0, 0));
  end(0);
  end(0);
  EXPECT_THAT(started_, ElementsAre(0, 0, 0, 1, 2)) << "though lane 0 asked first";
}

TEST_F(ForgeLanesTest, ALaneThatNeverEndsLeavesTheRestToTheOthers) {
  make({.at_once = 4, .in_lane = 2});
  for (int i = 0; i < 10; ++i) add(0);
  for (std::size_t lane = 1; lane < 6; ++lane) add(lane);
  for (std::size_t lane = 1; lane < 6; ++lane) end(lane);
  EXPECT_EQ(running_.count(0), 2u);
  EXPECT_EQ(running_.size(), 2u);
  EXPECT_EQ(idle_, 0);
}

TEST_F(ForgeLanesTest, IsIdleOnceTheLastIsDoneAndMayBeGivenMoreThen) {
  lanes_ = std::make_shared<ForgeLanes>(ForgeLanes::Bounds{}, [this] {
    if (++idle_ == 1) add(7);
  });
  add(0);
  add(1);
  end(1);
  EXPECT_EQ(idle_, 0);
  end(0);
  EXPECT_EQ(idle_, 1);
  EXPECT_TRUE(lanes_->busy());
  end(7);
  EXPECT_EQ(idle_, 2);
  EXPECT_FALSE(lanes_->busy());
}

TEST_F(ForgeLanesTest, WorkMayBeDoneAtOnceAndAddMore) {
  make({.at_once = 1, .in_lane = 1});
  int done_at_once = 0;
  add(0);
  for (int i = 0; i < 10'000; ++i)
    lanes_->add(1, [&](const ForgeLanes::Done& done) {
      ++done_at_once;
      done();
    });
  lanes_->add(1, [&](const ForgeLanes::Done& done) {
    add(9);
    done();
  });
  EXPECT_EQ(done_at_once, 0);
  end(0);
  EXPECT_EQ(done_at_once, 10'000) << "and the stack held";
  EXPECT_EQ(idle_, 0);
  end(9);
  EXPECT_EQ(idle_, 1);
}

}  // namespace
}  // namespace host
