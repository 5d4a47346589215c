// SPDX-License-Identifier: Apache-2.0
#include "authoring/trial.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "authoring/candidate.hpp"
#include "authoring/in_process.hpp"
#include "authoring/workshop.hpp"
#include "base/error.hpp"
#include "workers/message.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using Kind = Verdict::Kind;

using testing::HasSubstr;

// What holds for both ways to run a plugin by hand.
class TrialTest : public testing::TestWithParam<bool> {
 protected:
  static bool in_process() { return GetParam(); }

  void make(std::map<std::string, std::vector<std::string>> grants = {}) {
    plugin_ = admit_candidate(candidate_, {.grants = std::move(grants)}, workshop_.paths());
    start();
  }
  void start() {
    workshop_.stage().on_line = [this](Level, std::string_view text) { lines_.emplace_back(text); };
    if (in_process())
      trial_ = std::make_unique<InProcessTrial>(workshop_.ground(), plugin_);
    else
      trial_ = std::make_unique<CagedTrial>(
          workshop_.ground(), plugin_,
          CagedOptions{.worker = TIMMY_WORKER, .scratch = workshop_.scratch() / "scratch"});
  }
  TrialOutcome run(const std::string& task, const Json& payload = Json::object(),
                   std::optional<Duration> cancel_after = {}) {
    return trial_->run(
        {.task = "hostile_" + task, .payload = payload, .cancel_after = cancel_after});
  }
  TrialOutcome call(const std::string& method, const Json& params) {
    return run("call", {{"method", method}, {"params", params}});
  }

  Workshop workshop_{Workshop::Network::none};
  Candidate candidate_ = Candidate::open(TIMMY_HOSTILE);
  PluginEntry plugin_;
  std::vector<std::string> lines_;
  std::unique_ptr<Trial> trial_;
};

TEST_P(TrialTest, GivesTheResultAndWhatWasUsed) {
  make();
  const auto outcome = run("echo", {{"a", 1}});
  EXPECT_EQ(outcome.verdict.kind, Kind::completed);
  EXPECT_EQ(Json::parse(outcome.verdict.result), Json({{"a", 1}}));
  EXPECT_GT(outcome.verdict.usage.max_rss_bytes, 0u);
  EXPECT_EQ(trial_->end(), "");
}

TEST_P(TrialTest, TellsAFailureInThePluginsWords) {
  make();
  const auto outcome = run("fail", {{"status", 2}, {"code", "own"}, {"message", "why"}});
  EXPECT_EQ(outcome.verdict.kind, Kind::failed);
  EXPECT_TRUE(outcome.verdict.permanent);
}

TEST_P(TrialTest, CancelsWhenAsked) {
  make();
  EXPECT_EQ(run("wait", Json::object(), 10ms).verdict.kind, Kind::cancelled);
}

TEST_P(TrialTest, RecordsEachCallAndHoldsItAgainstTheGrants) {
  make({{"gitea.read", {"org/app"}}});
  EXPECT_EQ(call("gitea/1.list_labels", {{"repo", "org/app"}}).verdict.kind, Kind::completed);
  (void)call("gitea/1.list_labels", {{"repo", "org/other"}});
  const auto& calls = workshop_.stage().calls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(Json::parse(calls[0].answer.value())["labels"], Json({"bug", "question"}));
  EXPECT_EQ(calls[1].answer.error().code(), Code::not_granted);
}

TEST_P(TrialTest, KeepsStateBetweenRunsAndShowsWhatOnePut) {
  make();
  const auto outcome = call("state/1.put", {{"key", "k"}, {"value", 4}});
  EXPECT_EQ(outcome.effects.state, (std::map<std::string, Json>{{"k", 4}}));
  (void)call("state/1.get", {{"key", "k"}});
  EXPECT_EQ(Json::parse(workshop_.stage().calls().back().answer.value())["value"], 4);
}

TEST_P(TrialTest, NoCapIsInTheWayOfTokensAndNoModelIsAsked) {
  make({{"model", {"main"}}});
  EXPECT_EQ(call("tokens/1.reserve", {{"tokens", 5}}).verdict.kind, Kind::completed);
  const auto& calls = workshop_.stage().calls();
  EXPECT_TRUE(calls.back().answer.ok());
  const Json ask{{"route", "main"}, {"request", {{"model", "m"}, {"messages", Json::array()}}}};
  (void)call("model/1.chat", ask);
  EXPECT_EQ(calls.back().answer.error().code(), Code::not_found);
  (void)call("model/1.models", {{"route", "other"}});
  EXPECT_EQ(calls.back().answer.error().code(), Code::not_granted);
}

TEST_P(TrialTest, SaysWhatDestroyThrew) {
  plugin_ = admit_candidate(candidate_, {.config = Json{{"destroy", "throw"}}}, workshop_.paths());
  start();
  (void)run("nothing");
  EXPECT_EQ(trial_->end(), "the plugin's destroy threw an exception: out of destroy");
}

TEST_P(TrialTest, TellsACallThatCameAfterItsRun) {
  make();
  (void)run("late");
  let_come(workshop_.ground(), 500ms);
  EXPECT_THAT(lines_, testing::Contains(HasSubstr(kLateCall)));
}

TEST_P(TrialTest, OutlivesAThreadThatThePluginLeft) {
  make();
  (void)run("late");
  EXPECT_EQ(trial_->end(), "");
  trial_.reset();
  // The thread wakes, runs the plugin's code, and calls on its run.
  let_come(workshop_.ground(), 500ms);
}

TEST_P(TrialTest, ShowsItsLines) {
  make();
  (void)run("log");
  EXPECT_THAT(lines_, testing::Contains(HasSubstr("logged")));
}

INSTANTIATE_TEST_SUITE_P(Ways, TrialTest, testing::Bool(),
                         [](const auto& one) { return one.param ? "InProcess" : "Caged"; });

class CandidateTest : public testing::Test {
 protected:
  Workshop workshop_{Workshop::Network::none};
};

TEST_F(CandidateTest, RefusesAConfigThatItsSchemaRefuses) {
  const auto candidate = Candidate::open(std::string(TIMMY_BAD_DIR) + "/bad_none.so");
  try {
    (void)admit_candidate(candidate, {.config = Json{{"m", 1}}}, workshop_.paths());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_THAT(error.message(), HasSubstr("m"));
  }
}

TEST_F(CandidateTest, HasEachOfItsTasksOnce) {
  const auto candidate = Candidate::open(TIMMY_BAD_DIR "/bad_none.so");
  EXPECT_EQ(admit_candidate(candidate, {}, workshop_.paths()).tasks.size(), 1u);
}

TEST_F(CandidateTest, KeepsWhatAHostSaysUnlessToldOtherwise) {
  const auto candidate = Candidate::open(TIMMY_BAD_DIR "/bad_none.so");
  const auto host = parse_host_config(
      "defaults: { plugins: { bad: { config: { n: 5 }, grants: { gitea.read: [org/app] },"
      " limits: { files: 33 } } } }",
      "host.yaml", "here", workshop_.paths(), {});
  const auto kept = admit_candidate(candidate, {}, workshop_.paths(), &host);
  EXPECT_EQ(kept.config, Json({{"n", 5}}));
  EXPECT_EQ(kept.limits.files, 33);
  EXPECT_TRUE(kept.grants.has("gitea.read"));
  using Values = std::map<std::string, std::vector<std::string>>;
  const auto told = admit_candidate(candidate, {.config = Json::object(), .grants = Values{}},
                                    workshop_.paths(), &host);
  EXPECT_EQ(told.config, Json::object());
  EXPECT_EQ(told.limits.files, 33);
  EXPECT_FALSE(told.grants.has("gitea.read"));
}

TEST_F(CandidateTest, NoGrantNamesWhatIsForbidden) {
  const auto candidate = Candidate::open(TIMMY_BAD_DIR "/bad_none.so");
  Forbidden forbidden;
  forbidden.sealed = {"/var/home/.hermes/gitea_token"};
  forbidden.whole = {"/var/home"};
  for (const char* path : {"/var/home/.hermes/gitea_token", "/var/home"}) {
    try {
      (void)admit_candidate(candidate, {.grants = {{{"fs.read", {path}}}}, .forbidden = forbidden},
                            workshop_.paths());
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::not_granted) << path;
    }
  }
}

TEST_F(CandidateTest, APluginOfItsOwnHasNoFolderOfAnybodyElse) {
  Manifest manifest;
  manifest.needs = {{.grant = "fs.write",
                     .values = {"/etc", "$TIMMY_HOME/stamps", "$TIMMY_HOME/../../etc", "~/x",
                                "relative", "/tmp/*"}},
                    {.grant = "fs.read"},
                    {.grant = "gitea.read", .values = {"org/app"}}};
  const auto home = workshop_.paths().home.string();
  const auto stamps = workshop_.paths().stamps().string();
  const std::map<std::string, std::vector<std::string>> expected{
      {"fs.write", {stamps, stamps, stamps, home + "/x", stamps, stamps}},
      {"fs.read", {stamps}},
      {"gitea.read", {"org/app"}}};
  EXPECT_EQ(all_of_its_own(manifest, workshop_.paths()), expected);
}

TEST_F(CandidateTest, RefusesWhatIsNoPlugin) {
  EXPECT_THROW((void)Candidate::open("/proc/self/exe"), Error);
  EXPECT_THROW((void)Candidate::open("/nowhere/x.so"), Error);
}

}  // namespace
}  // namespace host
