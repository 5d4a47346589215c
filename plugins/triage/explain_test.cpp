// SPDX-License-Identifier: Apache-2.0
#include "triage_fixture.hpp"

namespace triage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;

class Explain : public TriageTest {
 protected:
  static Json sample() {
    return config({rule("crashes", {{"text", "(?i)crash"}, {"without_labels", {"wish"}}},
                        {{"add_labels", {"bug"}}, {"assign_round_robin", {"bob", "carol"}}}),
                   rule("core's", {{"team", {"core"}}}, {{"add_labels", {"p1"}}}),
                   rule("old", {{"older_than", "3d"}}, {{"comment", "Old, {author}."}})});
  }
};

TEST_F(Explain, SaysOfEachRuleWhatHeldAndWhatDidNot) {
  world_.forge.add_issue("org/app", "It crashes");
  world_.forge.teams["org"]["core"] = {"carol"};
  const auto outcome = explain(sample(), 1);
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("rules"), Json::parse(R"([
    {"rule": "crashes", "matches": "yes", "conditions": [
      {"condition": "kind", "wanted": "issue", "value": "issue", "holds": "yes"},
      {"condition": "without_labels", "wanted": "wish", "value": "no labels", "holds": "yes"},
      {"condition": "text", "wanted": "(?i)crash", "value": "the title has \"crash\"",
       "holds": "yes"}]},
    {"rule": "core's", "matches": "no", "conditions": [
      {"condition": "kind", "wanted": "issue", "value": "issue", "holds": "yes"},
      {"condition": "team", "wanted": "core", "value": "alice is in none of them",
       "holds": "no"}]},
    {"rule": "old", "matches": "no", "conditions": [
      {"condition": "kind", "wanted": "issue", "value": "issue", "holds": "yes"},
      {"condition": "older_than", "wanted": "3d", "value": "0s old", "holds": "no"}]}])"));
  EXPECT_EQ(outcome.result.at("due"), "2026-01-08T12:00:00Z");
  EXPECT_EQ(outcome.result.at("issue").at("author"), "alice");
}

TEST_F(Explain, SaysWhatTheNextRoundDoesAndDoesNone) {
  world_.forge.add_issue("org/app", "It crashes");
  world_.forge.teams["org"]["core"] = {"alice"};
  const auto outcome = explain(sample(), 1);
  EXPECT_EQ(world_.forge.writes, 0);
  EXPECT_THAT(world_.state, IsEmpty());
  for (const auto& call : world_.calls) EXPECT_NE(call, "state/1.put_now");
  EXPECT_EQ(outcome.result.at("steps"), Json::parse(R"([
    {"do": "assign", "names": ["bob"], "turn": "crashes", "rules": ["crashes"]},
    {"do": "label", "names": ["bug", "p1"], "rules": ["crashes", "core's"]}])"));
  ASSERT_TRUE(run(sample()).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug", "p1"));
  EXPECT_THAT(at(1).assignees, ElementsAre("bob"));
}

TEST_F(Explain, SaysWhatAPersonsWordHoldsBack) {
  world_.forge.add_issue("org/app", "It crashes");
  world_.forge.teams["org"]["core"] = {};
  ASSERT_TRUE(run(sample()).ok());
  world_.advance(std::chrono::hours(1));
  at(1).labels.clear();
  touched(1);
  const auto outcome = explain(sample(), 1);
  EXPECT_THAT(outcome.result.at("steps"), IsEmpty());
  EXPECT_EQ(outcome.result.at("held_back"), Json::parse(R"([
    {"rule": "crashes", "what": "label \"bug\"",
     "why": "triage added it at 2026-01-05T12:00:00Z, and it was taken off since"}])"));
}

TEST_F(Explain, ATeamThatCannotBeReadIsUnknownAndSaysWhy) {
  world_.forge.add_issue("org/app", "It works");
  const auto outcome = explain(sample(), 1);
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  const auto& rule = outcome.result.at("rules")[1];
  EXPECT_EQ(rule.at("matches"), "unknown");
  EXPECT_THAT(rule.at("conditions")[1].at("value").get<std::string>(),
              HasSubstr("org/core: gitea/1.list_team_members: no such team"));
}

TEST_F(Explain, SaysWhyARoundDoesNotComeToIt) {
  world_.forge.add_repo("other/app", {"bug"});
  world_.forge.add_issue("other/app", "It crashes");
  world_.forge.issue("other/app", 1).state = "closed";
  const auto outcome =
      run(sample(), {{"repo", "other/app"}, {"number", 1}}, "gitea_issue_triage_explain");
  EXPECT_THAT(outcome.result.at("hindrances"),
              ElementsAre("other/app is not among the repos of triage's config",
                          "it is closed; only what is open is looked at"));
  EXPECT_THAT(outcome.result.at("steps"), IsEmpty());
  world_.forge.add_pull("org/app", "crash", "branch");
  EXPECT_THAT(explain(sample(), 1).result.at("hindrances"),
              ElementsAre("no rule is about pull requests of org/app"));
}

TEST_F(Explain, NeedsAnIssueToExplain) {
  EXPECT_EQ(explain(sample(), 9).code, "not_found");
  EXPECT_EQ(run(sample(), Json::object(), "gitea_issue_triage_explain").code, "usage");
}

}  // namespace
}  // namespace triage
