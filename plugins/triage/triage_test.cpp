// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <timmy/testing.hpp>

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;
using timmy::testing::Outcome;
using timmy::testing::Plugin;
using timmy::testing::World;

constexpr const char* kTask = "gitea_issue_triage";

Json config(const std::vector<std::string>& repos = {"org/app"}) {
  return {{"repos", repos},
          {"rules",
           {{{"name", "crashes"}, {"when", {{"text", "(?i)crash"}}}, {"add_labels", {"bug"}}},
            {{"name", "bugs"},
             {"when", {{"labels", {"bug"}}, {"without_labels", {"p1"}}}},
             {"add_labels", {"p2"}}}}}};
}

class Triage : public testing::Test {
 protected:
  Triage() { world_.forge.add_repo("org/app", {"bug", "p1", "p2"}); }

  Outcome round(const Json& with = config(), const Json& payload = Json::object()) {
    world_.calls.clear();
    Plugin plugin(world_, timmy_plugin_v1, with);
    return plugin.run(kTask, payload);
  }
  [[nodiscard]] std::vector<std::string> labels(std::int64_t number) {
    return world_.forge.issue("org/app", number).labels;
  }

  World world_;
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
  EXPECT_THAT(world_.calls, testing::Not(testing::Contains("gitea/1.add_labels")));
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
  Json other = config();
  other["rules"].push_back({{"name", "w"}, {"when", {{"title", "wish"}}}, {"add_labels", {"p1"}}});
  round(other);
  EXPECT_THAT(labels(1), ElementsAre("p1"));
}

TEST_F(Triage, AFullRoundReadsEverything) {
  world_.forge.add_issue("org/app", "old");
  world_.advance(std::chrono::hours(1));
  world_.forge.add_issue("org/app", "new");
  round();
  EXPECT_EQ(round(config(), {{"full", true}}).result.at("read"), 2);
}

TEST_F(Triage, ALabelThatDoesNotExistFailsItsIssueAndNoOther) {
  world_.forge.repo("org/app").labels.erase("bug");
  world_.forge.add_issue("org/app", "wish");
  world_.forge.add_issue("org/app", "crash");
  Json with = config();
  with["rules"].push_back({{"name", "w"}, {"when", {{"title", "wish"}}}, {"add_labels", {"p1"}}});
  const Outcome outcome = round(with);
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("1 failed, 1 labelled; org/app#2: "));
  EXPECT_THAT(outcome.message, HasSubstr("no label \"bug\""));
  EXPECT_THAT(labels(1), ElementsAre("p1"));

  world_.forge.repo("org/app").labels.insert("bug");
  world_.advance(std::chrono::hours(1));
  EXPECT_TRUE(round(with).ok()) << "it is read again although nothing changed it";
  EXPECT_THAT(labels(2), ElementsAre("bug"));
}

TEST_F(Triage, ARepositoryThatFailsKeepsNoOtherFromItsLabels) {
  world_.forge.add_issue("org/app", "crash");
  const Outcome outcome = round(config({"org/absent", "org/app"}));
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("org/absent: "));
  EXPECT_THAT(labels(1), ElementsAre("bug"));
  EXPECT_TRUE(world_.state.contains("seen/org/app")) << "what was done is not read again";
}

TEST_F(Triage, ANamedRepositoryThatIsArchivedIsReported) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.repo("org/app").archived = true;
  EXPECT_THAT(round().message,
              HasSubstr("org/app#1: gitea/1.add_labels: the repository is archived"));
}

TEST_F(Triage, AForgeThatIsAwayEndsTheRoundToBeTriedAgain) {
  world_.forge.add_issue("org/app", "crash");
  world_.fail("gitea/1.add_labels", timmy::Retryable("unavailable", "reset"));
  EXPECT_EQ(round().status, TIMMY_RETRYABLE);
  EXPECT_TRUE(world_.state.empty());
  world_.succeed("gitea/1.add_labels");
  EXPECT_TRUE(round().ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

TEST_F(Triage, AReplyWithoutTheLabelIsAFailure) {
  world_.forge.add_issue("org/app", "crash");
  world_.on("gitea/1.add_labels", [](const Json&) { return Json{{"labels", Json::array()}}; });
  const Outcome outcome = round();
  EXPECT_EQ(outcome.code, "not_applied");
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
  const Outcome outcome = round(config({"org/*", "org/app"}));
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("repos"), 2);
  EXPECT_THAT(world_.forge.issue("org/lib", 1).labels, ElementsAre("bug"));
  EXPECT_THAT(world_.forge.issue("org/dead", 1).labels, IsEmpty());
  EXPECT_THAT(world_.forge.issue("other/app", 1).labels, IsEmpty());
}

TEST_F(Triage, StopsWhereItIsWhenCancelled) {
  for (int i = 0; i < 5; ++i) world_.forge.add_issue("org/app", "crash");
  world_.cancel_at_call(5);
  EXPECT_EQ(round().status, TIMMY_CANCELLED);
  EXPECT_EQ(world_.forge.writes, 1);
  EXPECT_TRUE(round().ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

TEST_F(Triage, AnEventHasItsIssueLookedAtAndNoOther) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.add_issue("org/app", "crash");
  const Outcome outcome =
      round(config(), {{"event", "issues"}, {"repo", "org/app"}, {"number", 2}});
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(labels(1), IsEmpty());
  EXPECT_THAT(labels(2), ElementsAre("bug"));
  EXPECT_EQ(outcome.result.at("read"), 1);
  EXPECT_THAT(world_.calls, ElementsAre("gitea/1.get_issue", "gitea/1.add_labels"));
}

TEST_F(Triage, AnEventOfAClosedIssueChangesNothing) {
  world_.forge.add_issue("org/app", "crash");
  world_.forge.issue("org/app", 1).state = "closed";
  EXPECT_TRUE(round(config(), {{"repo", "org/app"}, {"number", 1}}).ok());
  EXPECT_THAT(labels(1), IsEmpty());
}

TEST_F(Triage, AnEventOfARepositoryThatItsConfigDoesNotNameIsNotLookedAt) {
  EXPECT_TRUE(round(config(), {{"repo", "other/app"}, {"number", 1}}).ok());
  EXPECT_THAT(world_.calls, IsEmpty());
}

TEST_F(Triage, WithoutRulesItReadsAndChangesNothing) {
  world_.forge.add_issue("org/app", "crash");
  EXPECT_TRUE(round({{"repos", {"org/app"}}}).ok());
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Triage, RefusesAPatternThatIsWrongBeforeAnyRun) {
  Json bad = config();
  bad["rules"][0]["when"]["text"] = "[";
  EXPECT_THAT(
      [&] { Plugin(world_, timmy_plugin_v1, bad); },
      testing::ThrowsMessage<std::runtime_error>(HasSubstr("bad_pattern: rule \"crashes\"")));
}

TEST_F(Triage, LabelsFromItsFileToo) {
  world_.forge.add_issue("org/app", "crash");
  Plugin plugin(world_, PLUGIN, config());
  EXPECT_TRUE(plugin.run(kTask).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

}  // namespace
