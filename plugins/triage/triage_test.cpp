// SPDX-License-Identifier: Apache-2.0
#include "triage_fixture.hpp"

namespace triage {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;
using timmy::testing::Outcome;
using timmy::testing::Plugin;

class Triage : public TriageTest {
 protected:
  static Json sample(const std::vector<std::string>& repos = {"org/app"}) {
    return config(
        {rule("crashes", {{"text", "(?i)crash"}}, {{"add_labels", {"bug"}}}),
         rule("bugs", {{"labels", {"bug"}}, {"without_labels", {"p1"}}}, {{"add_labels", {"p2"}}})},
        repos);
  }
  Outcome round(const Json& with = sample(), const Json& payload = Json::object()) {
    return run(with, payload);
  }
};

TEST_F(Triage, LabelsWhatMatchesAndLeavesTheRest) {
  world_.forge.add_issue("org/app", "It crashes");
  world_.forge.add_issue("org/app", "Please add");
  const Outcome outcome = round();
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(labels(1), ElementsAre("bug"));
  EXPECT_THAT(labels(2), IsEmpty());
  EXPECT_EQ(outcome.result.at("labelled"), 1);
  EXPECT_EQ(outcome.result.at("read"), 2);
  EXPECT_EQ(outcome.result.at("changes"),
            Json::parse(R"([{"issue":"org/app#1","added":["bug"]}])"));
  EXPECT_EQ(world_.log_text(), "info org/app#1: added [\"bug\"] by [\"crashes\"]\n");
}

TEST_F(Triage, ARuleBuildsOnAnothersLabelInTheNextRound) {
  world_.forge.add_issue("org/app", "It crashes");
  round();
  round();
  EXPECT_THAT(labels(1), ElementsAre("bug", "p2"));
}

TEST_F(Triage, WritesNothingWhereNothingChanges) {
  world_.forge.add_issue("org/app", "It crashes", "", {"bug", "p1"});
  round();
  EXPECT_EQ(world_.forge.writes, 0);
  EXPECT_THAT(world_.calls, testing::Not(Contains("gitea/1.add_labels")));
}

TEST_F(Triage, AfterSomeRoundsNothingChangesAnyMore) {
  for (int i = 0; i < 5; ++i) world_.forge.add_issue("org/app", "crash");
  for (int i = 0; i < 3; ++i) round();
  const int writes = world_.forge.writes;
  EXPECT_EQ(writes, 10);
  round();
  EXPECT_EQ(world_.forge.writes, writes);
}

TEST_F(Triage, LooksOnlyAtOpenIssues) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.issue("org/app", 1).state = "closed";
  EXPECT_EQ(round().result.at("read"), 0);
}

TEST_F(Triage, ReadsOnlyWhatChangedSinceAndAnOverlap) {
  world_.forge.add_issue("org/app", "old");
  world_.advance(std::chrono::hours(1));
  world_.forge.add_issue("org/app", "newer");
  EXPECT_EQ(round().result.at("read"), 2);
  EXPECT_EQ(round().result.at("read"), 1) << "the newest is within the overlap";
  world_.advance(std::chrono::hours(1));
  world_.forge.add_issue("org/app", "newest");
  EXPECT_EQ(round().result.at("read"), 2);
}

TEST_F(Triage, SeesAnIssueWhoseChangeWasCommittedLate) {
  world_.forge.add_issue("org/app", "first");
  round();
  world_.advance(-std::chrono::minutes(5));
  world_.forge.add_issue("org/app", "crash, five minutes ago");
  round();
  EXPECT_THAT(labels(2), ElementsAre("bug"));
}

TEST_F(Triage, NewRulesAreAppliedToOldIssues) {
  world_.forge.add_issue("org/app", "old wish");
  world_.advance(std::chrono::hours(1));
  world_.forge.add_issue("org/app", "new");
  round();
  Json other = sample();
  other["rules"].push_back({{"name", "w"}, {"when", {{"title", "wish"}}}, {"add_labels", {"p1"}}});
  round(other);
  EXPECT_THAT(labels(1), ElementsAre("p1"));
}

TEST_F(Triage, AFullRoundReadsEverything) {
  world_.forge.add_issue("org/app", "old");
  world_.advance(std::chrono::hours(1));
  world_.forge.add_issue("org/app", "new");
  round();
  EXPECT_EQ(round(sample(), {{"full", true}}).result.at("read"), 2);
}

TEST_F(Triage, ALabelThatDoesNotExistFailsItsIssueAndNoOther) {
  world_.forge.repo("org/app").labels.erase("bug");
  world_.forge.add_issue("org/app", "wish");
  world_.forge.add_issue("org/app", "crash");
  Json with = sample();
  with["rules"].push_back({{"name", "w"}, {"when", {{"title", "wish"}}}, {"add_labels", {"p1"}}});
  const Outcome outcome = round(with);
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("1 failed, 1 changed; org/app#2: "));
  EXPECT_THAT(outcome.message, HasSubstr("no label \"bug\""));
  EXPECT_THAT(labels(1), ElementsAre("p1"));

  world_.forge.repo("org/app").labels.insert("bug");
  world_.advance(std::chrono::hours(1));
  EXPECT_TRUE(round(with).ok()) << "it is read again although nothing changed it";
  EXPECT_THAT(labels(2), ElementsAre("bug"));
}

TEST_F(Triage, ARepositoryThatFailsKeepsNoOtherFromItsLabels) {
  world_.forge.add_issue("org/app", "crash");
  const Outcome outcome = round(sample({"org/absent", "org/app"}));
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("org/absent: "));
  EXPECT_THAT(labels(1), ElementsAre("bug"));
  EXPECT_TRUE(world_.state.contains("seen/1")) << "what was done is not read again";
}

TEST_F(Triage, ANamedRepositoryThatIsArchivedIsReported) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.repo("org/app").archived = true;
  const Outcome outcome = round();
  EXPECT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("archived"), Json::array({"org/app"}));
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Triage, AForgeThatIsAwayEndsTheRoundToBeTriedAgain) {
  world_.forge.add_issue("org/app", "crash");
  world_.fail("gitea/1.add_labels", timmy::Retryable("unavailable", "reset"));
  EXPECT_EQ(round().status, TIMMY_RETRYABLE);
  world_.succeed("gitea/1.add_labels");
  EXPECT_TRUE(round().ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

TEST_F(Triage, AReplyWithoutTheLabelIsAFailure) {
  world_.forge.add_issue("org/app", "crash");
  world_.on("gitea/1.add_labels", [](const Json&) { return Json{{"labels", Json::array()}}; });
  const Outcome outcome = round();
  EXPECT_THAT(outcome.message, HasSubstr("org/app#1 does not show \"bug\" after it was added"));
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
}

TEST_F(Triage, AStarStandsForTheOwnersLiveRepositories) {
  world_.forge.add_repo("org/lib", {"bug", "p2"});
  world_.forge.add_repo("org/dead", {"bug"});
  world_.forge.repo("org/dead").archived = true;
  world_.forge.add_repo("org/code", {});
  world_.forge.repo("org/code").has_issues = false;
  world_.forge.add_repo("other/app", {"bug"});
  for (const char* repo : {"org/app", "org/lib", "org/dead", "other/app"})
    world_.forge.add_issue(repo, "crash");
  const Outcome outcome = round(sample({"org/*", "org/app"}));
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("repos"), 2);
  EXPECT_THAT(world_.forge.issue("org/lib", 1).labels, ElementsAre("bug"));
  EXPECT_THAT(world_.forge.issue("org/dead", 1).labels, IsEmpty());
  EXPECT_THAT(world_.forge.issue("other/app", 1).labels, IsEmpty());
}

TEST_F(Triage, StopsWhereItIsWhenCancelled) {
  for (int i = 0; i < 5; ++i) world_.forge.add_issue("org/app", "crash");
  world_.cancel_at_call(12);
  EXPECT_EQ(round().status, TIMMY_CANCELLED);
  EXPECT_EQ(world_.forge.writes, 1);
  EXPECT_TRUE(round().ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

TEST_F(Triage, AnEventHasItsIssueLookedAtAndNoOther) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.add_issue("org/app", "crash");
  const Outcome outcome =
      round(sample(), {{"event", "issues"}, {"repo", "org/app"}, {"number", 2}});
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(labels(1), IsEmpty());
  EXPECT_THAT(labels(2), ElementsAre("bug"));
  EXPECT_EQ(outcome.result.at("read"), 1);
  EXPECT_THAT(requests(), ElementsAre("get_repo", "get_issue", "add_labels"));
}

TEST_F(Triage, AnEventOfAClosedIssueChangesNothing) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.issue("org/app", 1).state = "closed";
  EXPECT_TRUE(round(sample(), {{"repo", "org/app"}, {"number", 1}}).ok());
  EXPECT_THAT(labels(1), IsEmpty());
}

TEST_F(Triage, AnEventOfARepositoryThatItsConfigDoesNotNameIsNotLookedAt) {
  EXPECT_TRUE(round(sample(), {{"repo", "other/app"}, {"number", 1}}).ok());
  EXPECT_THAT(world_.calls, IsEmpty());
}

TEST_F(Triage, WithoutRulesItAsksForNothing) {
  world_.forge.add_issue("org/app", "crash");
  EXPECT_TRUE(round({{"repos", {"org/app"}}}).ok());
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(Triage, AsksForNothingThatNoRuleIsAbout) {
  world_.forge.add_repo("org/lib", {"bug"});
  world_.forge.add_pull("org/lib", "crash", "branch");
  const Json with = config(
      {rule("r", {{"kind", "pull"}, {"repository", {"org/lib"}}}, {{"add_labels", {"bug"}}})},
      {"org/app", "org/lib"});
  ASSERT_TRUE(round(with).ok());
  EXPECT_THAT(requests(), ElementsAre("get_repo", "list_prs", "add_labels"));
  EXPECT_THAT(world_.forge.issue("org/lib", 1).labels, ElementsAre("bug"));
}

TEST_F(Triage, RefusesAPatternThatIsWrongBeforeAnyRun) {
  Json bad = sample();
  bad["rules"][0]["when"]["text"] = "[";
  EXPECT_THAT(
      [&] { Plugin(world_, timmy_plugin_v1, bad); },
      testing::ThrowsMessage<std::runtime_error>(HasSubstr("bad_pattern: rule \"crashes\"")));
}

TEST_F(Triage, LabelsFromItsFileToo) {
  world_.forge.add_issue("org/app", "crash");
  Plugin plugin(world_, PLUGIN, sample());
  EXPECT_TRUE(plugin.run("gitea_issue_triage").ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

}  // namespace
}  // namespace triage
