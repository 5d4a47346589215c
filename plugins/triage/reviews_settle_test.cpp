// SPDX-License-Identifier: Apache-2.0
//
// That review_prs merges nothing before its checks are all there, named or not.
#include "reviews_fixture.hpp"

namespace triage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Settle : public Reviews {
 protected:
  Settle() {
    merges();
    config_["reviews"]["settle"] = "30m";
    review("bob", "APPROVED");
  }
};

TEST_F(Settle, WhereNoCheckIsNamedTheFirstGreenOneMergesNothing) {
  EXPECT_EQ(round().at("ready"), 1);
  EXPECT_THAT(said(), AllOf(HasSubstr("Ready to be merged"),
                            HasSubstr("done at 2026-01-05 12:30 UTC or soon after")));
  check("pending", "ci/slow");
  round();
  EXPECT_THAT(said(), AllOf(HasSubstr("Not ready yet"), HasSubstr("`ci/slow` is `pending`"),
                            Not(HasSubstr("12:30"))));
  check("success", "ci/slow");
  for (int i = 0; i < 3; ++i) {  // from 12:20 on
    round();
    EXPECT_FALSE(pull().merged) << i;
  }
  round();
  EXPECT_TRUE(pull().merged);
  EXPECT_THAT(said(), HasSubstr("**Merged**"));
}

TEST_F(Settle, WhatWaitsIsSaidOnce) {
  round();
  const int writes = world_.forge.writes;
  round();
  round();
  EXPECT_EQ(world_.forge.writes, writes);
}

TEST_F(Settle, AnApprovalThatComesLaterWaitsNoLonger) {
  pull().reviews.clear();
  for (int i = 0; i < 3; ++i) round();
  review("bob", "APPROVED");
  round();
  EXPECT_TRUE(pull().merged);
}

TEST_F(Settle, AnotherHeadBeginsAnew) {
  for (int i = 0; i < 3; ++i) round();
  push(std::string(40, 'c'));
  review("bob", "APPROVED");
  round();
  EXPECT_FALSE(pull().merged);
}

TEST_F(Settle, WhereChecksAreNamedThoseAreWaitedForAndNothingElse) {
  config_["reviews"]["required_checks"] = {"ci/build", "ci/slow"};
  for (int i = 0; i < 5; ++i) round();
  EXPECT_FALSE(pull().merged);
  EXPECT_THAT(said(), HasSubstr("`ci/slow` has not reported"));
  check("success", "ci/slow");
  round();
  EXPECT_TRUE(pull().merged);
}

TEST_F(Settle, WithoutAnyCheckItIsWaitedForToo) {
  config_["reviews"]["without_checks"] = true;
  world_.forge.repo("org/app").statuses.clear();
  round();
  EXPECT_FALSE(pull().merged);
  for (int i = 0; i < 3; ++i) round();
  EXPECT_TRUE(pull().merged);
}

TEST_F(Settle, TenMinutesUnlessTheConfigSaysOtherwise) {
  config_["reviews"].erase("settle");
  round();
  EXPECT_FALSE(pull().merged);
  round();
  EXPECT_TRUE(pull().merged);
}

}  // namespace
}  // namespace triage
