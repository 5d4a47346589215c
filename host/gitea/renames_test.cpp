// SPDX-License-Identifier: Apache-2.0
#include "gitea/renames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class RenamesTest : public ::testing::Test {
 protected:
  const RepoName app_{"org", "app"}, web_{"org", "web"}, site_{"other", "site"};
  MonotonicTime now_{1h};
  Renames renames_;
};

TEST_F(RenamesTest, TellsTheOldNamesOfARepositoryWithoutCase) {
  EXPECT_TRUE(renames_.note(app_, web_, now_));
  EXPECT_FALSE(renames_.note(app_, web_, now_)) << "it is known";
  EXPECT_THAT(renames_.old_names("Org/Web", now_), ElementsAre("org/app"));
  EXPECT_THAT(renames_.old_names("org/app", now_), IsEmpty());
  EXPECT_THAT(renames_.lines(now_), ElementsAre("org/app is now org/web"));
}

TEST_F(RenamesTest, OfTwoRenamesBothOldNamesLeadToTheLastOne) {
  renames_.note(app_, web_, now_);
  EXPECT_TRUE(renames_.note(app_, site_, now_));
  renames_.note(web_, site_, now_);
  EXPECT_THAT(renames_.old_names("other/site", now_), ElementsAre("org/app", "org/web"));
  EXPECT_THAT(renames_.old_names("org/web", now_), IsEmpty());
}

TEST_F(RenamesTest, WhatWasNotSeenForADayCountsNoLonger) {
  renames_.note(app_, web_, now_);
  EXPECT_THAT(renames_.old_names("org/web", now_ + 23h), ElementsAre("org/app"));
  EXPECT_THAT(renames_.old_names("org/web", now_ + 24h), IsEmpty());
  EXPECT_THAT(renames_.lines(now_ + 24h), IsEmpty());
  EXPECT_TRUE(renames_.note(app_, web_, now_ + 24h)) << "news again";
}

TEST_F(RenamesTest, KeepsABoundedNumberOfThem) {
  for (int i = 0; i < 2000; ++i) renames_.note({"org", "old" + std::to_string(i)}, web_, now_);
  EXPECT_EQ(renames_.lines(now_).size(), 1000u);
  EXPECT_TRUE(renames_.note({"org", "old0"}, site_, now_)) << "a known one still follows";
}

}  // namespace
}  // namespace host
