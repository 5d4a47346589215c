// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <gmock/gmock.h>

#include "glob.hpp"
#include "sample.hpp"

namespace triage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;

Holds holds(const Json& when, const Snapshot& one, const Facts& facts = {}) {
  return Rule(rule("r", when)).matches({one, facts, kNow});
}

bool matches(const Json& when, const Snapshot& one, const Facts& facts = {}) {
  return holds(when, one, facts) == Holds::yes;
}

auto refuses(const std::string& why) {
  return testing::ThrowsMessage<timmy::Permanent>(HasSubstr(why));
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

TEST(Rule, KnowsItsAuthorsInEitherCase) {
  EXPECT_TRUE(matches({{"author", {"grace", "Ada"}}}, issue("x")));
  EXPECT_FALSE(matches({{"author", {"grace"}}}, issue("x")));
}

TEST(Rule, KnowsTheMembersOfATeamOfTheOwnerOrOfAnother) {
  Facts facts;
  facts.teams["org/core"].members = {"Ada"};
  facts.teams["other/core"].members = {"grace"};
  EXPECT_TRUE(matches({{"team", {"core"}}}, issue("x"), facts));
  EXPECT_FALSE(matches({{"team", {"other/core"}}}, issue("x"), facts));
  EXPECT_TRUE(matches({{"team", {"other/core", "core"}}}, issue("x"), facts));
}

TEST(Rule, HangsOnATeamThatCouldNotBeReadUnlessAnotherSettlesIt) {
  Facts facts;
  facts.teams["org/core"].trouble = "no such team";
  facts.teams["org/web"].members = {"ada"};
  EXPECT_EQ(holds({{"team", {"core"}}}, issue("x"), facts), Holds::unknown);
  EXPECT_EQ(holds({{"team", {"core", "web"}}}, issue("x"), facts), Holds::yes);
  EXPECT_EQ(holds({{"team", {"core"}}, {"title", "y"}}, issue("x"), facts), Holds::no);
}

TEST(Rule, AsksForNoFactsWhereAnotherConditionFails) {
  const Rules rules(Json::array({rule("a", {{"team", {"core"}}, {"title", "x"}}),
                                 rule("b", {{"files", {"*"}}, {"title", "x"}})}));
  const Facts none;
  EXPECT_THAT(rules.needs({issue("y"), none, kNow}, false).teams, IsEmpty());
  EXPECT_THAT(rules.needs({issue("x"), none, kNow}, false).teams, ElementsAre("org/core"));
  EXPECT_FALSE(rules.needs({issue("x"), none, kNow}, false).files);
  EXPECT_TRUE(rules.needs({pull("x"), none, kNow}, false).files);
  EXPECT_FALSE(rules.needs({pull("y"), none, kNow}, false).files);
}

TEST(Rule, ComesToMatchWithAge) {
  Snapshot one = issue("x");
  EXPECT_TRUE(matches({{"older_than", "24h"}}, one));
  EXPECT_FALSE(matches({{"older_than", "1d1s"}}, one));
  EXPECT_FALSE(matches({{"younger_than", "1d"}}, one));
  EXPECT_TRUE(matches({{"younger_than", "1d1s"}}, one));
  one.created_at.reset();
  EXPECT_FALSE(matches({{"older_than", "1s"}}, one));
  EXPECT_FALSE(matches({{"younger_than", "9d"}}, one));
}

TEST(Rule, SaysWhenItsTimeComesIfNothingElseIsInTheWay) {
  const Facts none;
  const Rule old(rule("r", {{"older_than", "3d"}, {"title", "x"}, {"team", {"core"}}}));
  EXPECT_EQ(old.due({issue("x"), none, kNow}), kNow + std::chrono::hours(48));
  EXPECT_EQ(old.due({issue("y"), none, kNow}), std::nullopt);
  EXPECT_EQ(old.due({pull("x"), none, kNow}), std::nullopt);
  EXPECT_EQ(old.due({issue("x"), none, kNow + std::chrono::hours(48)}), std::nullopt);
}

TEST(Rule, IsForIssuesUnlessItSaysOtherwise) {
  EXPECT_FALSE(matches({{"title", "x"}}, pull("x")));
  EXPECT_TRUE(matches({{"title", "x"}, {"kind", "pull"}}, pull("x")));
  EXPECT_FALSE(matches({{"title", "x"}, {"kind", "pull"}}, issue("x")));
  EXPECT_TRUE(matches({{"kind", "any"}}, pull("x")));
  EXPECT_TRUE(matches({{"kind", "any"}}, issue("x")));
}

TEST(Rule, LooksAtTheFilesOfPullRequests) {
  Facts facts;
  facts.files = Names{"src/a.cpp", "docs/guide.md"};
  EXPECT_TRUE(matches({{"files", {"docs/*"}}}, pull("x"), facts));
  EXPECT_FALSE(matches({{"files", {"*.hpp", "doc/*"}}}, pull("x"), facts));
  EXPECT_TRUE(matches({{"files_pattern", "\\.(cpp|hpp)$"}}, pull("x"), facts));
  EXPECT_FALSE(matches({{"files_pattern", "^guide"}}, pull("x"), facts));
  EXPECT_EQ(holds({{"files", {"*"}}}, pull("x")), Holds::unknown);
  EXPECT_EQ(holds({{"files", {"*"}}, {"kind", "any"}}, issue("x"), facts), Holds::no);
}

TEST(Rule, IsHeldToItsRepositories) {
  EXPECT_TRUE(matches({{"repository", {"other/x", "org/*"}}}, issue("x")));
  EXPECT_FALSE(matches({{"repository", {"org/lib-*"}}}, issue("x")));
  const Rules rules(Json::array({rule("r", {{"repository", {"org/lib-*"}}, {"kind", "pull"}})}));
  EXPECT_TRUE(rules.concern("org/lib-a", Kind::pull));
  EXPECT_FALSE(rules.concern("org/lib-a", Kind::issue));
  EXPECT_FALSE(rules.concern("org/app", Kind::pull));
}

TEST(Rule, FindsTheSameAsItMatches) {
  Facts facts;
  facts.teams["org/core"].trouble = "no such team";
  facts.files = Names{"src/a.cpp"};
  const Json when{{"title", "x"},          {"body", "y"},       {"text", "x"},
                  {"labels", {"a"}},       {"author", {"ada"}}, {"without_labels", {"b"}},
                  {"older_than", "1h"},    {"team", {"core"}},  {"younger_than", "9d"},
                  {"repository", {"o*"}},  {"kind", "any"},     {"files", {"src/*"}},
                  {"files_pattern", "cpp"}};
  const Rule all(rule("r", when));
  for (const Snapshot& one : {issue("x", "y", {"a"}), pull("x"), issue("z", "y", {"b"})}) {
    Holds sum = Holds::yes;
    const auto findings = all.findings({one, facts, kNow});
    EXPECT_EQ(findings.size(), when.size());
    for (const auto& finding : findings)
      if (finding.holds == Holds::no || sum == Holds::yes) sum = finding.holds;
    EXPECT_EQ(sum, all.matches({one, facts, kNow}));
  }
}

TEST(Rule, SaysWhatItFoundAndWhere) {
  const auto value = [](const Json& when, const Snapshot& one) {
    return Rule(rule("r", when)).findings({one, Facts(), kNow}).back().value;
  };
  EXPECT_EQ(value({{"text", "(?i)core dumped"}}, issue("it", "Core dumped, twice")),
            "the body has \"Core dumped\"");
  EXPECT_EQ(value({{"text", "z"}}, issue("it", "no")),
            "the title is \"it\" and the body is \"no\"");
  EXPECT_EQ(value({{"labels", {"a"}}}, issue("it", "", {"b", "c"})), "b, c");
  EXPECT_EQ(value({{"title", "z"}}, issue(std::string(59, 'a') + "\u00e4b")),
            "the title is \"" + std::string(59, 'a') + "...\"")
      << "cut between characters";
}

TEST(Rule, SurvivesAPatternMadeToHurtAndALongBody) {
  EXPECT_FALSE(matches({{"body", "(a*)*$^b"}}, issue("", std::string(1 << 20, 'a'))));
}

TEST(Rule, SaysWhichPatternIsWrong) {
  EXPECT_THAT(
      [] {
        Rule(rule("broken", {{"body", "(unclosed"}}));
      },
      refuses("rule \"broken\": when.body is no RE2 pattern: missing ): (unclosed"));
  EXPECT_THAT(
      [] {
        Rule(rule("broken", {{"files_pattern", "["}}));
      },
      refuses("rule \"broken\": when.files_pattern is no RE2 pattern"));
}

TEST(Rule, SaysWhatElseIsWrong) {
  EXPECT_THAT(
      [] {
        Rule(rule("r", {{"older_than", "3 days"}}));
      },
      refuses("rule \"r\": when.older_than is no duration: \"3 days\""));
  EXPECT_THAT(
      [] {
        Rule(rule("r", {{"older_than", "3d"}, {"younger_than", "72h"}}));
      },
      refuses("rule \"r\": nothing is older than 3d and younger than 3d"));
  EXPECT_THAT(
      [] {
        Rule(rule("r", {{"files", {"*"}}, {"kind", "issue"}}));
      },
      refuses("rule \"r\": an issue touches no files"));
  EXPECT_THAT(
      [] {
        Rule(rule("r", {{"title", "x"}}, {{"comment", "{autor}"}}));
      },
      refuses("rule \"r\": comment has no variable {autor}; known are {author}"));
  EXPECT_THAT(
      [] {
        Rule(rule("r", {{"title", "x"}}, {{"add_labels", {"a"}}, {"remove_labels", {"a"}}}));
      },
      refuses("rule \"r\": it both adds and removes \"a\""));
}

TEST(Rules, RefuseAPriorityThatIsNone) {
  const auto rules = Json::array({rule("r", {{"title", "x"}}, {{"priority", "p1"}})});
  EXPECT_THAT(
      [&] {
        Rules(rules, {"p2", "p3"});
      },
      refuses("rule \"r\": priority \"p1\" is not one of the config's priorities: p2, p3"));
  EXPECT_NO_THROW(Rules(rules, {"p1", "p2"}));
}

TEST(Rules, RefuseANameTwiceOnlyWhereSomethingIsRememberedByIt) {
  const Json one = rule("r", {{"title", "x"}});
  EXPECT_NO_THROW(Rules(Json::array({one, one})));
  const Json other = rule("r", {{"title", "x"}}, {{"comment", "hello"}});
  EXPECT_THAT([&] { Rules(Json::array({one, other})); }, refuses("another rule has this name"));
}

TEST(Rules, HaveAFingerprintThatFollowsThem) {
  const Json one = Json::array({rule("one", {{"title", "a"}})});
  Json other = one;
  other[0]["add_labels"][0] = "y";
  EXPECT_EQ(Rules(one).fingerprint(), Rules(one).fingerprint());
  EXPECT_NE(Rules(one).fingerprint(), Rules(other).fingerprint());
  EXPECT_NE(Rules(one).fingerprint(), Rules(one, {"p1"}).fingerprint());
  EXPECT_EQ(Rules(Json::array()).fingerprint(), "09612b07b5ecb5a5") << "stable over builds";
}

TEST(Glob, StarStandsForAnyCharacters) {
  EXPECT_TRUE(glob_matches("org/*", "org/app"));
  EXPECT_TRUE(glob_matches("org/lib-*", "org/lib-"));
  EXPECT_TRUE(glob_matches("org/*-x*", "org/a-b-xy"));
  EXPECT_FALSE(glob_matches("org/lib-*", "org/app"));
  EXPECT_FALSE(glob_matches("org/*-x", "org/a-xy"));
  EXPECT_FALSE(glob_matches("org/a", "org/ab"));
  EXPECT_TRUE(covers_repo({"other/*", "ORG/lib-*"}, "Org/Lib-One"));
  EXPECT_FALSE(covers_repo({"org/lib-*"}, "org/app"));
}

}  // namespace
}  // namespace triage
