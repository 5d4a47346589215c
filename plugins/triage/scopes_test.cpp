// SPDX-License-Identifier: Apache-2.0
#include "scopes.hpp"

#include "sample.hpp"
#include "triage_fixture.hpp"

namespace triage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using timmy::Json;

TEST(Scope, IsWhatStandsBeforeTheLastSlash) {
  EXPECT_EQ(scope_of("kind/bug"), "kind");
  EXPECT_EQ(scope_of("a/b/c"), "a/b");
  for (const char* none : {"bug", "", "kind/", "/bug"}) EXPECT_EQ(scope_of(none), "") << none;
}

TEST(Scope, TwoOfOneMayClashAndNothingElse) {
  EXPECT_TRUE(may_clash({"kind/bug"}, {"kind/wish"}));
  EXPECT_TRUE(may_clash({"kind/bug", "kind/wish"}, {}));
  EXPECT_FALSE(may_clash({"kind/bug"}, {"kind/bug", "kind/wish"})) << "it is there";
  EXPECT_FALSE(may_clash({"kind/bug", "bug"}, {"area/ui", "wish"}));
}

class Scopes : public TriageTest {
 protected:
  Scopes() {
    auto& repo = world_.forge.repo("org/app");
    for (const char* label : {"kind/bug", "kind/wish", "size/s", "size/l"})
      repo.labels.insert(label);
    repo.exclusive = {"kind/bug", "kind/wish"};
  }
  static Json kinds() {
    return config(
        {rule("bugs", {{"title", "crash"}}, {{"add_labels", {"kind/bug", "size/s"}}}),
         rule("wishes", {{"title", "please"}}, {{"add_labels", {"kind/wish", "size/l"}}})});
  }
};

TEST_F(Scopes, OfTwoThatExcludeEachOtherTheFirstRulesIsAdded) {
  world_.forge.add_issue("org/app", "please mend the crash");
  const auto outcome = run(kinds());
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/bug", "size/s", "size/l"));
  ASSERT_TRUE(later(kinds()).ok());
  EXPECT_EQ(world_.forge.writes, 1) << "and no round brings the other";
}

TEST_F(Scopes, NoOtherIssueMissesALabelForTheClashOfOne) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.add_issue("org/app", "please");
  world_.forge.add_issue("org/app", "please mend the crash");
  ASSERT_TRUE(run(kinds()).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/bug", "size/s"));
  EXPECT_THAT(labels(2), UnorderedElementsAre("kind/wish", "size/l"));
}

TEST_F(Scopes, NeitherDoesItWhereTheHostDoesNotTellWhichExcludeOthers) {
  world_.on("gitea/1.list_labels", [this](const Json& params) {
    return Json{{"labels", world_.forge.answer("list_labels", params).at("labels")}};
  });
  world_.forge.add_issue("org/app", "crash");
  world_.forge.add_issue("org/app", "please mend the crash");
  EXPECT_EQ(run(kinds()).code, "incomplete");
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/bug", "size/s"));
}

TEST_F(Scopes, WhatSomebodyPutThereWhileWeWereAtItStays) {
  world_.forge.repo("org/app").assignable = {"ada"};
  world_.forge.add_issue("org/app", "crash");
  const Json with = config({rule("r", {{"title", "crash"}},
                                 {{"assign", {"ada"}}, {"add_labels", {"kind/bug", "size/s"}}})});
  world_.on("gitea/1.add_assignees", [this](const Json& params) {
    at(1).labels = {"kind/wish"};
    touched(1);
    return world_.forge.answer("add_assignees", params);
  });
  ASSERT_TRUE(run(with).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/wish", "size/s"));
  EXPECT_THAT(at(1).assignees, ElementsAre("ada"));
}

TEST_F(Scopes, LabelsWithoutAScopeExcludeNone) {
  auto& repo = world_.forge.repo("org/app");
  repo.exclusive.insert({"bug", "wish"});
  world_.forge.add_issue("org/app", "crash", "", {"wish", "kind/wish"});
  ASSERT_TRUE(
      run(config({rule("r", {{"title", "crash"}}, {{"add_labels", {"bug", "kind/bug"}}})})).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("wish", "kind/wish", "bug"));
}

TEST_F(Scopes, WhatTheIssueCarriesStays) {
  world_.forge.add_issue("org/app", "please mend the crash", "", {"kind/wish"});
  ASSERT_TRUE(run(kinds()).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/wish", "size/s", "size/l"));
}

TEST_F(Scopes, UnlessTheRulesTakeJustThatOff) {
  world_.forge.add_issue("org/app", "a crash", "", {"kind/wish"});
  const Json with =
      config({rule("r", {{"title", "crash"}},
                   {{"add_labels", {"kind/bug"}}, {"remove_labels", {"kind/wish"}}})});
  ASSERT_TRUE(run(with).ok());
  EXPECT_THAT(labels(1), ElementsAre("kind/bug"));
  EXPECT_THAT(requests(), ElementsAre("get_repo", "list_issues", "list_labels", "remove_label",
                                      "get_issue", "add_labels"))
      << "by a write of its own, before the other comes";
}

TEST_F(Scopes, APriorityOfOursBecomesAnother) {
  for (const char* label : {"p/1", "p/2"}) {
    world_.forge.repo("org/app").labels.insert(label);
    world_.forge.repo("org/app").exclusive.insert(label);
  }
  Json with = config({rule("high", {{"title", "crash"}}, {{"priority", "p/1"}}),
                      rule("low", {{"title", "."}}, {{"priority", "p/2"}})});
  with["priorities"] = {"p/1", "p/2"};
  world_.forge.add_issue("org/app", "fine");
  ASSERT_TRUE(run(with).ok());
  ASSERT_THAT(labels(1), ElementsAre("p/2"));
  world_.advance(std::chrono::minutes(5));
  at(1).title = "a crash";
  touched(1);
  ASSERT_TRUE(later(with).ok());
  EXPECT_THAT(labels(1), ElementsAre("p/1"));
}

TEST_F(Scopes, WhichExcludeOthersIsAskedOnceARoundAndOnlyWhereItMatters) {
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "crash");
  ASSERT_TRUE(run(kinds()).ok());
  const auto asked = [&] {
    const auto all = requests();
    return std::count(all.begin(), all.end(), "list_labels");
  };
  EXPECT_EQ(asked(), 0) << "nothing of the same scope is there, or asked for";
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "please mend the crash");
  ASSERT_TRUE(later(kinds()).ok());
  EXPECT_EQ(asked(), 1);
}

TEST_F(Scopes, AnExplanationSaysWhatIsLeftOutAndWhy) {
  world_.forge.add_issue("org/app", "please mend the crash");
  world_.forge.add_issue("org/app", "crash", "", {"kind/wish"});
  EXPECT_EQ(explain(kinds(), 1).result.at("left_out"), Json::parse(R"([
    {"what": "label \"kind/wish\"", "rules": ["wishes"],
     "why": "\"kind/bug\", which it would replace, is added first"}])"));
  EXPECT_EQ(explain(kinds(), 2).result.at("left_out"), Json::parse(R"([
    {"what": "label \"kind/bug\"", "rules": ["bugs"],
     "why": "the issue carries \"kind/wish\", which it would replace"}])"));
}

// An organisation whose labels the host's token may not read: those of a kind are its own.
class UnreadScopes : public Scopes {
 protected:
  UnreadScopes() {
    world_.on("gitea/1.list_labels", [this](const Json& params) {
      Json own = Json::array();
      const Json all = world_.forge.answer("list_labels", params);
      for (const auto& label : all.at("labels"))
        if (!label.get<std::string>().starts_with("kind/")) own.push_back(label);
      return Json{{"labels", own}, {"exclusive", Json::array()}, {"organisation", false}};
    });
  }
};

TEST_F(UnreadScopes, WhatTheIssueCarriesStaysAndTheResultSaysWhy) {
  world_.forge.add_issue("org/app", "please mend the crash", "", {"kind/wish", "size/s"});
  const auto outcome = run(kinds());
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/wish", "size/s", "size/l"))
      << "the repository's own are known to exclude none";
  EXPECT_EQ(outcome.result.at("unsure_labels"),
            Json::parse(R"([{"issue": "org/app#1", "labels": ["kind/bug"]}])"));
  EXPECT_THAT(world_.log_text(), HasSubstr("warn org/app#1: \"kind/bug\" is left out"));
  EXPECT_THAT(world_.log_text(), HasSubstr("the scope read:organization"));
}

TEST_F(UnreadScopes, OfTwoThatMayExcludeEachOtherTheFirstIsAdded) {
  world_.forge.add_issue("org/app", "please mend the crash");
  ASSERT_TRUE(run(kinds()).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/bug", "size/s", "size/l"));
}

TEST_F(UnreadScopes, WhatCanReplaceNoneIsAddedAndNothingSaid) {
  world_.forge.add_issue("org/app", "crash");
  const auto outcome = run(kinds());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/bug", "size/s"));
  EXPECT_FALSE(outcome.result.contains("unsure_labels"));
}

TEST_F(UnreadScopes, WithinAnHourOfTheScopesComingItIsKnownAndDone) {
  world_.forge.repo("org/app").exclusive.clear();
  world_.forge.add_issue("org/app", "crash", "", {"kind/wish"});
  ASSERT_TRUE(run(kinds()).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/wish", "size/s"));
  world_.succeed("gitea/1.list_labels");
  ASSERT_TRUE(later(kinds(), std::chrono::minutes(61)).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/wish", "size/s", "kind/bug"));
}

TEST_F(UnreadScopes, OneThatGaveWayToAnotherIsNotTakenForAbsentElsewhere) {
  for (int i = 0; i < 2; ++i) world_.forge.add_issue("org/app", "crash");
  world_.on("gitea/1.add_labels", [this](const Json& params) {
    if (params.at("number") == 1) return world_.forge.answer("add_labels", params);
    at(2).labels = {"kind/wish"};
    throw timmy::Permanent("not_found", "\"kind/bug\" is not on it afterwards");
  });
  (void)run(config({rule("bugs", {{"title", "crash"}}, {{"add_labels", {"kind/bug"}}})}));
  EXPECT_THAT(labels(1), ElementsAre("kind/bug"));
}

TEST_F(UnreadScopes, AnExplanationSaysWhatCantBeKnown) {
  world_.forge.add_issue("org/app", "crash", "", {"kind/wish"});
  const Json left_out = explain(kinds(), 1).result.at("left_out");
  ASSERT_EQ(left_out.size(), 1u);
  EXPECT_THAT(left_out[0].at("why"), HasSubstr("it may replace \"kind/wish\": which of its"));
}

TEST_F(UnreadScopes, WhereNoLabelCanBeListedNoneIsReplacedEither) {
  world_.fail("gitea/1.list_labels", timmy::Permanent("denied", "not yours"));
  world_.forge.add_issue("org/app", "crash", "", {"kind/wish"});
  ASSERT_TRUE(run(kinds()).ok());
  EXPECT_THAT(labels(1), UnorderedElementsAre("kind/wish", "size/s"));
}

}  // namespace
}  // namespace triage
