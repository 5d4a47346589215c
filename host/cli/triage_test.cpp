// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class TriageCommandTest : public CommandTest {
 protected:
  static Json explanation() {
    return Json::parse(R"({
      "issue": {"repo": "org/app", "number": 12, "kind": "issue", "title": "It \u001b[31mcrashes",
                "state": "open", "author": "ada", "age": "3d4h old", "labels": ["wish"],
                "assignees": []},
      "hindrances": [],
      "rules": [
        {"rule": "crashes", "matches": "yes", "conditions": [
          {"condition": "kind", "wanted": "issue", "value": "issue", "holds": "yes"},
          {"condition": "text", "wanted": "crash", "value": "the title has \"crash\"",
           "holds": "yes"}]},
        {"rule": "docs", "matches": "no", "conditions": [
          {"condition": "kind", "wanted": "issue", "value": "issue", "holds": "yes"},
          {"condition": "title", "wanted": "docs", "value": "the title is \"It\"",
           "holds": "no"}]}],
      "steps": [
        {"do": "assign", "names": ["bob"], "turn": "crashes", "rules": ["crashes"]},
        {"do": "label", "names": ["bug", "p1"], "rules": ["crashes"]},
        {"do": "unlabel", "names": ["wish"], "rules": ["crashes"]},
        {"do": "comment", "text": "Hello.\n\nBye.", "rules": ["crashes"]},
        {"do": "close", "rules": ["crashes"]}],
      "resumed": false,
      "held_back": [{"rule": "crashes", "what": "label \"x\"", "why": "it was taken off"}],
      "left_out": [{"what": "label \"kind/y\"", "rules": ["crashes", "docs"],
                    "why": "the issue carries \"kind/x\", which it would replace"}],
      "due": "2026-05-01T10:00:00Z"})");
  }
  void serve(const Json& result) {
    host_.set("POST /v1/jobs", {{"id", 7}, {"duplicate", false}});
    host_.set("GET /v1/jobs/7", {{"id", 7},
                                 {"state", "completed"},
                                 {"ended_at", "2026-05-01T10:00:00Z"},
                                 {"result", result}});
  }
  FakeHost host_{Paths::from(Environment::of_process())};
};

TEST_F(TriageCommandTest, AnAnswerOfAnotherShapeIsAnErrorAndNoCrash) {
  for (const auto* part : {"/issue", "/steps", "/rules/0/conditions", "/due", "/steps/0/rules"}) {
    Json other = explanation();
    const Json::json_pointer at(part);
    other.at(at.parent_pointer()).erase(at.back());
    serve(other);
    EXPECT_NE(run({"triage", "explain", "org/app", "12"}), 0) << part;
    EXPECT_EQ(out_.str(), "") << part;
    EXPECT_THAT(err_.str(), HasSubstr("no explanation that this timmy-host knows")) << part;
  }
  serve(Json::array());
  EXPECT_NE(run({"triage", "explain", "org/app", "12"}), 0);
}

TEST_F(TriageCommandTest, SaysWhichRulesMatchAndWhatTheyWouldDo) {
  serve(explanation());
  EXPECT_EQ(run({"triage", "explain", "org/app", "12"}), 0) << err_.str();
  EXPECT_EQ(out_.str(), R"(org/app#12  It ?[31mcrashes
  issue, open, by ada, 3d4h old
  labels: wish
  assigned to: nobody

RULE     MATCHES  CONDITION  WANTED  FOUND
crashes  yes      kind       issue   issue
                  text       crash   the title has "crash"
docs     no       title      docs    the title is "It"

The next round will
  assign it to bob, whose turn it is  (crashes)
  add bug, p1  (crashes)
  take off wish  (crashes)
  comment  (crashes)
    | Hello.
    | 
    | Bye.
  close it  (crashes)

Held back, since a person decided otherwise
  label "x"  (crashes): it was taken off

Left out, since labels of one scope exclude each other
  label "kind/y"  (crashes, docs): the issue carries "kind/x", which it would replace

At 2026-05-01T10:00:00Z it is old enough for a rule that matches but for that.
)");
  EXPECT_THAT(host_.requests(),
              Contains(R"(POST /v1/jobs {"payload":{"number":12,"repo":"org/app"},"priority":0,)"
                       R"("task":"gitea_issue_triage_explain"})"));
}

TEST_F(TriageCommandTest, SaysThatNothingIsToBeDoneAndWhyNobodyComes) {
  Json all = explanation();
  all["steps"] = all["held_back"] = all["left_out"] = all["rules"] = Json::array();
  all["due"] = nullptr;
  all["hindrances"] = {"it is closed"};
  serve(all);
  EXPECT_EQ(run({"triage", "explain", "org/app", "12"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              HasSubstr("not looked at: it is closed\n\nThere are no rules.\n\nThe next "
                        "round changes nothing.\n"));
  EXPECT_THAT(out_.str(), Not(AnyOf(HasSubstr("Held back"), HasSubstr("Left out"))));
}

TEST_F(TriageCommandTest, JsonIsWhatThePluginSays) {
  serve(explanation());
  EXPECT_EQ(run({"triage", "explain", "org/app#12", "--json"}), 0) << err_.str();
  EXPECT_EQ(Json::parse(out_.str()), explanation());
}

TEST_F(TriageCommandTest, RefusesWhatIsNoIssueBeforeItAsks) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                {"org/app"},
                                                {"org/app", "twelve"},
                                                {"org/app", "0"},
                                                {"app", "12"},
                                                {"org/app#", "--json"},
                                                {"org/app", "12x"}}) {
    std::vector<std::string> words{"triage", "explain"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(run(words), 64);
    EXPECT_THAT(err_.str(), HasSubstr("timmy-host triage explain org/app 12"));
  }
  EXPECT_THAT(host_.requests(), Not(Contains(HasSubstr("POST"))));
}

TEST_F(TriageCommandTest, SaysWhereThePluginIsMissingOrDisabled) {
  EXPECT_EQ(run({"triage", "explain", "org/app", "12"}), 66);
  EXPECT_THAT(err_.str(), HasSubstr("no plugin that explains triage"));
  host_.set("POST /v1/jobs",
            {{"error",
              {{"code", "conflict"},
               {"message", "task \"x\" does not run here: triage is disabled"},
               {"next_step", "Add the line."}}}},
            409);
  EXPECT_NE(run({"triage", "explain", "org/app", "12"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("triage explains nothing here: task \"x\" does not run here: "
                                    "triage is disabled\n  Add the line."));
}

TEST_F(TriageCommandTest, SaysWhyThePluginCouldNot) {
  serve(nullptr);
  host_.set("GET /v1/jobs/7", {{"id", 7},
                               {"state", "discarded"},
                               {"ended_at", "2026-05-01T10:00:00Z"},
                               {"result", nullptr},
                               {"attempts", {{{"message", "org/app#12 not found"}}}}});
  EXPECT_EQ(run({"triage", "explain", "org/app", "12"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("org/app#12 can't be explained: org/app#12 not found"));
  EXPECT_THAT(err_.str(), HasSubstr("timmy-host jobs show 7"));
}

TEST_F(TriageCommandTest, AJobThatNothingRunsIsGivenUp) {
  serve(nullptr);
  host_.set("GET /v1/jobs/7", {{"id", 7}, {"state", "available"}, {"ended_at", nullptr}});
  host_.set("POST /v1/jobs/7/cancel", {{"id", 7}, {"state", "cancelled"}});
  EXPECT_NE(run({"triage", "explain", "org/app", "12"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("job 7 was cancelled"));
  EXPECT_THAT(host_.requests(), Contains(HasSubstr("POST /v1/jobs/7/cancel")));
}

class NoHostTest : public CommandTest {};

TEST_F(NoHostTest, TriageExplainSaysHowToStartOne) {
  EXPECT_EQ(run({"triage", "explain", "org/app", "12"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr("Start it with \"timmy-host run\""));
}

}  // namespace
}  // namespace host::cli
