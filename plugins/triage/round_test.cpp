// SPDX-License-Identifier: Apache-2.0
//
// What a round looks at and when, and that nothing bad stops the rest of it.
#include "due_list.hpp"
#include "triage_fixture.hpp"

namespace triage {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using timmy::Json;

class Round : public TriageTest {
 protected:
  static Json label_all(const std::string& label = "bug") {
    return rule("all", {{"title", "."}}, {{"add_labels", {label}}});
  }
  // As the host does it: the n-th write of a run is the last.
  void cap_writes(int most) {
    world_.on("gitea/1.add_labels", [this, most](const Json& params) -> Json {
      const auto made = std::count(world_.calls.begin(), world_.calls.end(), "gitea/1.add_labels");
      if (made > most)
        throw timmy::Permanent("too_large", "this run has made " + std::to_string(most) +
                                                " writes, its cap (limits.mutations)");
      return world_.forge.answer("add_labels", params);
    });
  }
  [[nodiscard]] int labelled() {
    int count = 0;
    for (const auto& issue : world_.forge.repo("org/app").issues) count += !issue.labels.empty();
    return count;
  }
};

// Time.

TEST_F(Round, FindsAnIssueThatBecameOldThoughNobodyTouchedIt) {
  const Json with = config({rule("old", {{"older_than", "3d"}}, {{"add_labels", {"wish"}}})});
  world_.forge.add_issue("org/app", "one");
  world_.advance(hours(1));
  world_.forge.add_issue("org/app", "two");
  EXPECT_TRUE(run(with).ok());
  (void)later(with, hours(24));
  (void)later(with, hours(24));
  (void)later(with, hours(22) + minutes(59));
  EXPECT_EQ(labelled(), 0);
  EXPECT_TRUE(later(with, minutes(1)).ok());
  EXPECT_EQ(labelled(), 1) << "within the day's round that looks at all";
  EXPECT_THAT(requests(), ElementsAre("list_issues", "get_issue", "add_labels"));
  EXPECT_TRUE(later(with, hours(1)).ok());
  EXPECT_EQ(labelled(), 2);
  EXPECT_TRUE(later(with).ok());
  EXPECT_THAT(requests(), ElementsAre("list_issues"));
}

TEST_F(Round, LooksAtAllOnceADayAndOtherwiseAtWhatChanged) {
  const Json with = config({label_all()});
  world_.forge.add_issue("org/app", "one");
  (void)run(with);
  EXPECT_EQ(later(with, hours(1)).result.at("read"), 1);
  EXPECT_EQ(later(with, hours(22)).result.at("read"), 1) << "labelled in the first round";
  world_.forge.add_issue("org/app", "two");
  (void)later(with, minutes(30));
  EXPECT_EQ(later(with, minutes(1)).result.at("read"), 1);
  EXPECT_EQ(later(with, minutes(29)).result.at("read"), 2) << "a day after the first";
  EXPECT_EQ(later(with, hours(1)).result.at("read"), 1);
}

TEST_F(Round, AnIssueThatIsDueAndGoneIsForgotten) {
  const Json with = config({rule("old", {{"older_than", "1h"}}, {{"add_labels", {"wish"}}})});
  world_.forge.add_issue("org/app", "one");
  (void)run(with);
  ASSERT_TRUE(world_.state.contains("due/1"));
  world_.fail("gitea/1.get_issue", timmy::Permanent("not_found", "gone"));
  EXPECT_TRUE(later(with, hours(2)).ok());
  EXPECT_TRUE(later(with, hours(2)).ok());
  EXPECT_THAT(requests(), ElementsAre("list_issues"));
}

TEST(DueList, KeepsThoseThatComeFirstWithinOneValueOfState) {
  const timmy::Time now = std::chrono::sys_days(std::chrono::January / 5 / 2026);
  DueList list;
  for (int i = 0; i < 3000; ++i) list.set(1'000'000'000 + i, now + minutes(i + 1));
  EXPECT_TRUE(list.fit(now)) << "none that is left off is ripe";
  EXPECT_LT(list.to_json().dump().size(), 64u * 1024);
  EXPECT_EQ(list.ripe(now + minutes(5000)).size(), DueList::kMost);
  EXPECT_THAT(list.ripe(now + minutes(2)), ElementsAre(1'000'000'000, 1'000'000'001));
  EXPECT_EQ(DueList::from(Json::parse(list.to_json().dump())), list);
  for (int i = 0; i < 3000; ++i) list.set(i, now);
  EXPECT_FALSE(list.fit(now));
  EXPECT_EQ(DueList::from(Json("nonsense")), DueList());
}

TEST_F(Round, PassesOverWhatItIsHandedAgainUnchanged) {
  world_.forge.add_issue("org/app", "one");
  const Json with = config({label_all()});
  (void)run(with);
  (void)later(with, minutes(5));
  EXPECT_EQ(later(with, minutes(5)).result.at("read"), 1);
  EXPECT_THAT(world_.calls, Not(Contains("state/1.put_now")));
  EXPECT_EQ(std::count(world_.calls.begin(), world_.calls.end(), "state/1.get"), 3)
      << "which repository it is, what is known of it, and what is due: no record";
  at(1).labels = {"p1"};
  touched(1);
  (void)later(with, minutes(5));
  EXPECT_EQ(std::count(world_.calls.begin(), world_.calls.end(), "state/1.get"), 4);
}

TEST_F(Round, DoesNotPassOverWhatMayHaveChangedInTheSameSecond) {
  world_.forge.add_issue("org/app", "fine");
  const Json with = config({rule("r", {{"title", "crash"}}, {{"add_labels", {"bug"}}})});
  (void)run(with);
  at(1).title = "crash";  // in that second, when the round had read it
  (void)later(with, minutes(5));
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

// Clocks.

TEST_F(Round, AForgeWhoseClockWasAheadOnceHidesNoLaterChange) {
  world_.forge.add_issue("org/app", "fine");
  world_.forge.add_issue("org/app", "fine");
  at(1).updated_at = world_.now() + hours(1000);
  const Json with = config({rule("r", {{"title", "crash"}}, {{"add_labels", {"bug"}}})});
  ASSERT_TRUE(run(with).ok());
  for (int i = 0; i < 3; ++i) {
    world_.advance(hours(1));
    at(2).title = "crash";
    at(2).labels.clear();
    world_.forge.add_issue("org/app", "crash");
    touched(2);
    ASSERT_TRUE(later(with, minutes(5)).ok());
    EXPECT_THAT(labels(3 + i), ElementsAre("bug")) << i;
    for (const auto& call : world_.asked)
      EXPECT_TRUE(call.method != "gitea/1.list_issues" || call.params.contains("since"));
  }
}

TEST_F(Round, AClockOfOursThatWasAheadKeepsNoDailyLookFromComing) {
  const Json with = config({rule("r", {{"team", {"core"}}}, {{"add_labels", {"bug"}}})});
  world_.forge.teams["org"]["core"] = {"bob"};
  world_.forge.add_issue("org/app", "one");
  const auto now = world_.now();
  world_.set_now(now + hours(1000));
  ASSERT_TRUE(run(with).ok());
  world_.set_now(now + hours(25));
  world_.forge.teams["org"]["core"] = {"alice"};
  ASSERT_TRUE(run(with).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

TEST_F(Round, WhatAStateOfTheFutureSaysWasSeenIsReadAgain) {
  world_.forge.add_issue("org/app", "one");
  const Json with = config({label_all()});
  ASSERT_TRUE(run(with).ok());
  world_.state["seen/1"]["newest"] = timmy::format_time(world_.now() + hours(1000));
  world_.advance(hours(1));
  world_.forge.add_issue("org/app", "two");
  ASSERT_TRUE(later(with, minutes(5)).ok());
  EXPECT_EQ(labelled(), 2);
}

// The cap on writes.

TEST_F(Round, WhatDoesNotFitIntoOneRoundIsDoneInTheNext) {
  for (int i = 0; i < 12; ++i) world_.forge.add_issue("org/app", "one");
  cap_writes(5);
  const auto outcome = run(config({label_all()}));
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("changed"), 5);
  EXPECT_EQ(outcome.result.at("left"), 7);
  EXPECT_THAT(world_.log_text(), HasSubstr("warn 7 issues are left for the next round"));
  EXPECT_EQ(std::count(world_.calls.begin(), world_.calls.end(), "gitea/1.add_labels"), 6)
      << "after a refusal no other write is tried";
  EXPECT_EQ(later(config({label_all()})).result.at("left"), 2);
  EXPECT_EQ(later(config({label_all()})).result.at("left"), 0);
  EXPECT_EQ(labelled(), 12);
  EXPECT_EQ(later(config({label_all()})).result.at("changed"), 0);
}

TEST_F(Round, WhatIsLeftIsDoneThoughTheNextRoundComesAtOnce) {
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "one");
  world_.advance(hours(1) + std::chrono::milliseconds(100));
  cap_writes(2);
  EXPECT_EQ(run(config({label_all()})).result.at("left"), 1);
  world_.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(run(config({label_all()})).result.at("changed"), 1);
}

TEST_F(Round, TheCapInTheMiddleOfAnIssueLeavesItsRestForTheNext) {
  world_.forge.add_issue("org/app", "one");
  const Json with = config(
      {rule("r", {{"without_labels", {"bug"}}}, {{"add_labels", {"bug"}}, {"assign", {"bob"}}})});
  cap_writes(0);
  EXPECT_EQ(run(with).result.at("left"), 1);
  EXPECT_THAT(at(1).assignees, ElementsAre("bob"));
  cap_writes(1);
  EXPECT_EQ(later(with).result.at("left"), 0);
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

TEST_F(Round, ARunWhoseTimeIsUpLeavesTheRest) {
  world_.forge.add_issue("org/app", "one");
  world_.remaining = std::chrono::seconds(10);
  EXPECT_EQ(run(config({label_all()})).result.at("left"), 1);
  EXPECT_EQ(world_.forge.writes, 0);
  world_.remaining = minutes(3);
  EXPECT_EQ(later(config({label_all()})).result.at("changed"), 1);
}

TEST_F(Round, SomethingElseThatIsTooLargeFailsItsIssueAlone) {
  world_.forge.add_issue("org/app", "one");
  world_.forge.add_issue("org/app", "two");
  world_.on("gitea/1.add_labels", [this](const Json& params) -> Json {
    if (params.at("number") == 2) throw timmy::Permanent("too_large", "the reply's body");
    return world_.forge.answer("add_labels", params);
  });
  EXPECT_EQ(run(config({label_all()})).code, "incomplete");
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

// What fails.

TEST_F(Round, ALabelThatDoesNotExistIsTriedOnceARoundAndKeepsNoOtherLabel) {
  for (int i = 0; i < 20; ++i) world_.forge.add_issue("org/app", "one");
  const Json with = config({rule("r", {{"title", "."}}, {{"add_labels", {"nope", "bug"}}})});
  const auto outcome = run(with);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("20 failed, 20 changed; org/app#20: "));
  EXPECT_EQ(labelled(), 20);
  EXPECT_LE(world_.forge.writes, 23);

  world_.forge.repo("org/app").labels.insert("nope");
  EXPECT_TRUE(later(with).ok());
  EXPECT_THAT(labels(20), ElementsAre("bug", "nope"));
}

TEST_F(Round, WhatWasRefusedWasNotUndoneByWhoeverChangesTheIssueMeanwhile) {
  world_.forge.add_issue("org/app", "one");
  EXPECT_EQ(run(config({label_all("nope")})).code, "incomplete");
  world_.advance(minutes(1));
  world_.forge.add_comment("org/app", 1, "any news?");
  world_.forge.repo("org/app").labels.insert("nope");
  EXPECT_TRUE(later(config({label_all("nope")})).ok());
  EXPECT_THAT(labels(1), ElementsAre("nope"));
}

TEST_F(Round, WhoCannotBeAssignedKeepsNobodyElseFromIt) {
  world_.forge.add_issue("org/app", "one");
  const auto outcome =
      run(config({rule("r", {{"title", "."}}, {{"assign", {"ada", "left-us", "bob"}}})}));
  EXPECT_THAT(outcome.message, HasSubstr("nothing can be assigned to left-us"));
  EXPECT_THAT(outcome.message, Not(HasSubstr("to ada")));
  EXPECT_THAT(at(1).assignees, ElementsAre("ada", "bob"));
}

TEST_F(Round, WhoCannotBeAssignedIsPassedOverInTheRoundRobin) {
  for (int i = 0; i < 4; ++i) world_.forge.add_issue("org/app", "one");
  const Json with =
      config({rule("r", {{"title", "."}}, {{"assign_round_robin", {"bob", "left-us", "carol"}}})});
  const auto outcome = run(with);
  EXPECT_THAT(outcome.message, HasSubstr("nothing can be assigned to left-us"));
  EXPECT_THAT(at(4).assignees, ElementsAre("bob"));
  EXPECT_THAT(at(3).assignees, ElementsAre("carol"));
  EXPECT_THAT(at(2).assignees, ElementsAre("bob"));
  EXPECT_THAT(at(1).assignees, ElementsAre("carol"));
}

TEST_F(Round, ARoundRobinGoesOnWhereTheLastRoundLeftIt) {
  const Json with =
      config({rule("r", {{"title", "."}}, {{"assign_round_robin", {"ada", "bob", "carol"}}})});
  std::map<std::string, int> shares;
  for (int i = 1; i <= 6; ++i) {
    world_.forge.add_issue("org/app", "one");
    EXPECT_TRUE(later(with).ok());
    ASSERT_EQ(at(i).assignees.size(), 1u);
    ++shares[at(i).assignees[0]];
  }
  EXPECT_THAT(shares, Each(testing::Pair(testing::_, 2)));
}

TEST_F(Round, ARepositoryThatRefusesEveryWriteIsLeftAloneForTheRestOfTheRound) {
  world_.forge.add_repo("org/lib", {"bug"});
  world_.forge.add_issue("org/lib", "one");
  for (int i = 0; i < 20; ++i) world_.forge.add_issue("org/app", "one");
  world_.on("gitea/1.add_labels", [this](const Json& params) {
    if (params.at("repo") == "org/lib") return world_.forge.answer("add_labels", params);
    ++world_.forge.writes;
    throw timmy::Permanent("denied", "you may not write here");
  });
  const auto outcome = run(config({label_all()}, {"org/app", "org/lib"}));
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("20 failed, 1 changed"));
  EXPECT_EQ(world_.forge.writes, 4) << "three refusals, and the other repository's label";
  EXPECT_THAT(world_.forge.issue("org/lib", 1).labels, ElementsAre("bug"));
}

TEST_F(Round, NothingIsClosedBeforeWhatComesFirstIsDone) {
  world_.forge.add_issue("org/app", "one");
  const Json with = config({rule("r", {{"title", "."}}, {{"comment", "bye"}, {"close", true}})});
  world_.fail("gitea/1.keep_comment", timmy::Permanent("denied", "it is locked"));
  EXPECT_EQ(run(with).code, "incomplete");
  EXPECT_EQ(at(1).state, "open");
  world_.succeed("gitea/1.keep_comment");
  EXPECT_TRUE(later(with).ok());
  EXPECT_EQ(at(1).state, "closed");
  EXPECT_EQ(at(1).comments.size(), 1u);
}

TEST_F(Round, ATeamThatCannotBeReadIsToldOnceAndTheRuleIsTriedAgain) {
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "one");
  const Json with =
      config({rule("r", {{"team", {"core"}}}, {{"add_labels", {"wish"}}}), label_all()});
  const auto outcome = run(with);
  EXPECT_EQ(outcome.message,
            "3 failed, 3 changed; rule \"r\" can't be judged: gitea/1.list_team_members: no such "
            "team");
  EXPECT_EQ(std::count(world_.calls.begin(), world_.calls.end(), "gitea/1.list_team_members"), 1);
  world_.forge.teams["org"]["core"] = {"alice"};
  EXPECT_TRUE(later(with, hours(1)).ok());
  for (int i = 1; i <= 3; ++i) EXPECT_THAT(labels(i), Contains("wish"));
}

TEST_F(Round, WhatCouldNotBeJudgedIsJudgedWithinAnHour) {
  world_.forge.add_issue("org/app", "one");
  const Json with = config({rule("r", {{"team", {"core"}}}, {{"add_labels", {"wish"}}})});
  EXPECT_EQ(run(with).code, "incomplete");
  (void)later(with, minutes(10));
  world_.forge.teams["org"]["core"] = {"alice"};
  EXPECT_TRUE(later(with, minutes(10)).ok());
  EXPECT_THAT(labels(1), IsEmpty()) << "as it was, so passed over";
  EXPECT_TRUE(later(with, hours(1)).ok());
  EXPECT_THAT(labels(1), ElementsAre("wish"));
}

// Pull requests.

TEST_F(Round, TakesPullRequestsByTheirFiles) {
  world_.forge.add_issue("org/app", "an issue");
  for (const char* file : {"docs/a.md", "src/a.cpp"}) {
    const auto number = world_.forge.add_pull("org/app", "a pull request", "branch");
    world_.forge.pull("org/app", number).files = {{file}};
  }
  const Json with = config({rule("docs", {{"files", {"docs/*"}}}, {{"add_labels", {"wish"}}}),
                            rule("all issues", {{"title", "."}}, {{"add_labels", {"bug"}}})});
  ASSERT_TRUE(run(with).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
  EXPECT_THAT(labels(2), ElementsAre("wish"));
  EXPECT_THAT(labels(3), IsEmpty());
  world_.advance(hours(1));
  ASSERT_TRUE(run(with, {{"event", "pull_request"}, {"repo", "org/app"}, {"number", 3}}).ok());
  EXPECT_THAT(requests(), ElementsAre("get_issue", "list_pr_files"));
  EXPECT_TRUE(run(with).ok());
  EXPECT_TRUE(later(with, minutes(5)).ok());
  EXPECT_THAT(requests(), ElementsAre("list_issues", "list_prs")) << "nothing changed since";
}

// Events.

TEST_F(Round, AnEventOfWhatIsGoneIsNoFailure) {
  EXPECT_TRUE(run(config({label_all()}), {{"repo", "org/app"}, {"number", 9}}).ok());
}

TEST_F(Round, AnEventHasItsIssueLookedAtAgainWhenItIsDue) {
  world_.forge.add_issue("org/app", "one");
  const Json with = config({rule("old", {{"older_than", "3h"}}, {{"add_labels", {"wish"}}})});
  EXPECT_TRUE(run(with, {{"repo", "org/app"}, {"number", 1}}).ok());
  EXPECT_TRUE(world_.state.contains("due/1"));
}

}  // namespace
}  // namespace triage
