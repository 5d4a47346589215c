// SPDX-License-Identifier: Apache-2.0
//
// An issue's way with real git and real programs in real cages, and how agents end.
#include "dispatch/dispatch_real_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;

TEST_F(DispatchForReal, AnIssueBecomesAPullRequest) {
  agent_is(kFix);
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.1");
  EXPECT_EQ(path(item),
            "intake passed, triage passed, route passed, track passed, verify passed, "
            "report passed");
  ASSERT_EQ(forge_.repos.at("org/app").pulls.size(), 1U);
  const auto& pull = forge_.repos.at("org/app").pulls.begin()->second;
  EXPECT_THAT(pull.body, HasSubstr("command verify"));
  EXPECT_EQ(at_forge(item.branch)->text(), item.sealed);
  EXPECT_EQ(at_forge("main")->text(), item.base);
  EXPECT_TRUE(run_until([this] { return std::filesystem::is_empty(state() / "clones"); }))
      << testing::PrintToString(*lines_);
  EXPECT_TRUE(std::filesystem::is_empty(state() / "s"));
}

TEST_F(DispatchForReal, AnAgentThatDoesNothingOpensNothing) {
  agent_is("echo all is well\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(item.reason, "it committed nothing");
  EXPECT_TRUE(forge_.repos.at("org/app").pulls.empty());
}

TEST_F(DispatchForReal, AnAgentThatLiesIsToldWhatTheGatesFoundAndOpensNothing) {
  agent_is(
      "cat > prompt; cat prompt; rm prompt\necho done > NOTES\ngit add NOTES\n"
      "git commit --quiet --message 'Fix it. 12 tests passed'\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::verify, ItemState::failed})) << item.reason;
  EXPECT_EQ(item.attempts, 2);
  EXPECT_THAT(item.reason, HasSubstr("command verify"));
  EXPECT_EQ(at_forge(item.branch), std::nullopt);
  EXPECT_TRUE(forge_.repos.at("org/app").pulls.empty());
}

TEST_F(DispatchForReal, ACrashIsAnAttempt) {
  agent_is("kill -SEGV $$\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(item.attempts, 2);
  EXPECT_THAT(item.reason, HasSubstr("the run was ended"));
}

TEST_F(DispatchForReal, AStallIsEndedByFacts) {
  agent_is("sleep 600\n");
  start_host("1s");
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_THAT(item.reason, HasSubstr("printed nothing"));
}

TEST_F(DispatchForReal, ARunThatAHostsEndCutShortIsMadeAgain) {
  agent_is("echo at work\nsleep 600\n");
  start_host();
  EXPECT_TRUE(run_until([&] {
    const auto all = items();
    return !all.empty() && all.front().run_open && life_->runner.running() == 1;
  }));
  end_host();
  agent_is(kFix);
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
  EXPECT_EQ(item.attempts, 1);
  EXPECT_EQ(item.runs, 2);
  EXPECT_GE(item.interruptions, 1);
}

}  // namespace
}  // namespace host::dispatch
