// SPDX-License-Identifier: Apache-2.0
#include "base/glob.hpp"

#include <gtest/gtest.h>

#include <string>

namespace host {
namespace {

TEST(Globs, AStarIsAnyTextAndAQuestionMarkAnyByte) {
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("a*c", "abbc"));
  EXPECT_TRUE(matches_glob("a*b*c", "a/b/bc"));
  EXPECT_TRUE(matches_glob("a?c", "abc"));
  EXPECT_TRUE(matches_glob("", ""));
  EXPECT_FALSE(matches_glob("a?c", "ac"));
  EXPECT_FALSE(matches_glob("a*c", "ab"));
  EXPECT_FALSE(matches_glob("", "a"));
  EXPECT_FALSE(matches_glob("A", "a"));
}

TEST(Globs, AQuestionMarkMayStandForItself) {
  EXPECT_TRUE(matches_glob("a?", "a?", {.question_mark = false}));
  EXPECT_FALSE(matches_glob("a?", "ab", {.question_mark = false}));
}

TEST(Globs, AStarMayStayBetweenSlashes) {
  const GlobForm path{.stops_at = '/'};
  EXPECT_TRUE(matches_glob("org/*", "org/app", path));
  EXPECT_FALSE(matches_glob("org/*", "org/a/b", path));
  EXPECT_TRUE(matches_glob("*/*", "org/app", path));
  EXPECT_FALSE(matches_glob("*", "org/app", path));
  EXPECT_TRUE(matches_glob("*b/*d", "ab/cd", path));
}

TEST(Globs, CostNoMoreThanBothLengths) {
  const std::string stars = "*a*a*a*a*a*a*a*a*b", text(20'000, 'a');
  EXPECT_FALSE(matches_glob(stars, text));
}

}  // namespace
}  // namespace host
