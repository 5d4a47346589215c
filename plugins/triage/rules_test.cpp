// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <gmock/gmock.h>

#include "repos.hpp"

namespace triage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using timmy::Json;

Json rule(const std::string& name, const Json& when, const std::vector<std::string>& adds) {
  return {{"name", name}, {"when", when}, {"add_labels", adds}};
}

timmy::Issue issue(const std::string& title, const std::string& body = {},
                   const std::vector<std::string>& labels = {}) {
  timmy::Issue one;
  one.title = title;
  one.body = body;
  one.labels = labels;
  return one;
}

bool matches(const Json& when, const timmy::Issue& one) {
  return Rule(rule("r", when, {"x"})).matches(one);
}

TEST(Rule, SearchesTheTitleOrTheBody) {
  EXPECT_TRUE(matches({{"title", "crash"}}, issue("it crashes")));
  EXPECT_FALSE(matches({{"title", "crash"}}, issue("it", "crashes")));
  EXPECT_TRUE(matches({{"body", "^trace:"}}, issue("it", "trace: 1")));
  EXPECT_TRUE(matches({{"text", "crash"}}, issue("it crashes")));
  EXPECT_TRUE(matches({{"text", "crash"}}, issue("it", "crashes")));
  EXPECT_FALSE(matches({{"text", "crash"}}, issue("it", "works")));
}

TEST(Rule, HeedsCaseUnlessToldOtherwise) {
  EXPECT_FALSE(matches({{"title", "Crash"}}, issue("crash")));
  EXPECT_TRUE(matches({{"title", "(?i)Crash"}}, issue("crash")));
}

TEST(Rule, WantsAllLabelsAndNoneOfTheOthers) {
  const Json when{{"labels", {"a", "b"}}, {"without_labels", {"c", "d"}}};
  EXPECT_TRUE(matches(when, issue("", "", {"b", "a", "e"})));
  EXPECT_FALSE(matches(when, issue("", "", {"a"})));
  EXPECT_FALSE(matches(when, issue("", "", {"a", "b", "d"})));
}

TEST(Rule, EveryConditionMustHold) {
  const Json when{{"title", "x"}, {"body", "y"}, {"labels", {"z"}}};
  EXPECT_TRUE(matches(when, issue("x", "y", {"z"})));
  EXPECT_FALSE(matches(when, issue("-", "y", {"z"})));
  EXPECT_FALSE(matches(when, issue("x", "-", {"z"})));
  EXPECT_FALSE(matches(when, issue("x", "y", {"-"})));
}

TEST(Rule, SurvivesAPatternMadeToHurtAndALongBody) {
  EXPECT_FALSE(matches({{"body", "(a*)*$^b"}}, issue("", std::string(1 << 20, 'a'))));
}

TEST(Rule, SaysWhichPatternIsWrong) {
  EXPECT_THAT(
      [] {
        Rule(rule("broken", {{"body", "(unclosed"}}, {"x"}));
      },
      testing::ThrowsMessage<timmy::Permanent>(
          HasSubstr("rule \"broken\": when.body is no RE2 pattern: missing ): (unclosed")));
}

TEST(Rules, AddOnlyWhatIsMissingEachLabelOnce) {
  const Rules rules(Json::array(
      {rule("one", {{"title", "a"}}, {"x", "y"}), rule("two", {{"title", "a"}}, {"y", "z"}),
       rule("three", {{"title", "a"}}, {"z"}), rule("four", {{"title", "no"}}, {"w"})}));
  const Change change = rules.change(issue("a", "", {"x"}));
  EXPECT_THAT(change.labels, ElementsAre("y", "z"));
  EXPECT_THAT(change.rules, ElementsAre("one", "two"));
  EXPECT_TRUE(rules.change(issue("a", "", {"x", "y", "z"})).labels.empty());
}

TEST(Rules, HaveAFingerprintThatFollowsThem) {
  const Json one = Json::array({rule("one", {{"title", "a"}}, {"x"})});
  Json other = one;
  other[0]["add_labels"][0] = "y";
  EXPECT_EQ(Rules(one).fingerprint(), Rules(one).fingerprint());
  EXPECT_NE(Rules(one).fingerprint(), Rules(other).fingerprint());
  EXPECT_EQ(Rules(Json::array()).fingerprint(), "09612b07b5ecb5a5") << "stable over builds";
}

TEST(Glob, StarStandsForAnyCharacters) {
  EXPECT_TRUE(glob_matches("org/*", "org/app"));
  EXPECT_TRUE(glob_matches("org/lib-*", "org/lib-"));
  EXPECT_TRUE(glob_matches("org/*-x*", "org/a-b-xy"));
  EXPECT_FALSE(glob_matches("org/lib-*", "org/app"));
  EXPECT_FALSE(glob_matches("org/*-x", "org/a-xy"));
  EXPECT_FALSE(glob_matches("org/a", "org/ab"));
}

}  // namespace
}  // namespace triage
