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
  EXPECT_EQ(life_->verifier.under_way(), 0U) << "nothing of an item that was verified is kept";
}

// All that is wanted of it is its report.
TEST_F(DispatchForReal, TheCloneOfAPlaybookThatCommentsGoesWhateverIsLeftInIt) {
  agent_is("echo notes > NOTES\necho 'It divides by zero.' > \"$TIMMY_REPORT_FILE\"\n");
  start_host_with(
      "limits: { attempts: 1, tokens: 10000, wall: 2m, stall: 60s }\n"
      "report: { kind: comment }\n");
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.1");
  EXPECT_TRUE(run_until([this] { return std::filesystem::is_empty(state() / "clones"); }))
      << testing::PrintToString(*lines_);
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

TEST_F(DispatchForReal, WhatGitSaysWhileItBundlesIsNoPartOfTheBundle) {
  // "warning: delta chain depth 5000 is too deep, forcing 4095"
  agent_is(std::string("git config pack.depth 5000\n") + kFix);
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
}

TEST_F(DispatchForReal, AnAgentThatCantBeRunAsItIsSetUpFailsItsItem) {
  agent_is("no-such-program\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(item.runs, 1);
  EXPECT_THAT(item.reason, HasSubstr("no-such-program"));
}

TEST_F(DispatchForReal, ACrashIsAnAttempt) {
  agent_is("kill -SEGV $$\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(item.attempts, 2);
  EXPECT_THAT(item.reason, HasSubstr("the run was ended"));
}

// A Hermes that answers what it is asked, and keeps a store of its sessions as it works.
constexpr const char* kHermes = R"(case "$*" in
  --version) echo 'Hermes Agent v0.6.0'; exit ;;
  *--help) echo 'usage: hermes chat [-q QUERY] [-Q]'; exit ;;
esac
echo rows > "$HERMES_HOME/state.db"
ln -s /etc/hostname "$HERMES_HOME/state.db-wal"
mkdir -p "$HERMES_HOME/sessions"
echo '{}' > "$HERMES_HOME/sessions/session_1.json"
)";

TEST_F(DispatchForReal, WhatAHermesKeepsOfItsSessionsStaysWithTheRunAndNothingElseDoes) {
  agent_is(std::string(kHermes) + kFix);
  auto agent = command_agent();
  agent["kind"] = "hermes";
  agent["model"] = "small-1";
  start_host("60s", agent);
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.1");
  const auto run = state() / "runs" / "d1.1";
  EXPECT_EQ(read_file(run / "state.db", 100), "rows\n");
  EXPECT_EQ(read_file(run / "sessions" / "session_1.json", 100), "{}\n");
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(run / "state.db-wal")));
  EXPECT_THAT(read_file(run / "facts.json", 1 << 16), HasSubstr("state.db-wal is a link"));
  EXPECT_TRUE(std::filesystem::is_empty(state() / "s"));
}

TEST_F(DispatchForReal, WhatAHermesKeptIsThereAlsoWhenItsHostEndedBeforeIt) {
  agent_is(std::string(kHermes) + "echo at work\nsleep 600\n");
  auto agent = command_agent();
  agent["kind"] = "hermes";
  agent["model"] = "small-1";
  start_host("60s", agent);
  EXPECT_TRUE(run_until([&] {
    return std::filesystem::exists(state() / "s" / "d1.1" / "hermes" / "sessions" /
                                   "session_1.json");
  }));
  end_host();
  agent_is(std::string(kHermes) + kFix);
  start_host("60s", agent);
  EXPECT_EQ(ended_item().at.state, ItemState::done);
  EXPECT_EQ(read_file(state() / "runs" / "d1.1" / "state.db", 100), "rows\n");
  EXPECT_EQ(read_file(state() / "runs" / "d1.2" / "state.db", 100), "rows\n");
  EXPECT_TRUE(std::filesystem::is_empty(state() / "s"));
}

TEST_F(DispatchForReal, AStallIsEndedByFacts) {
  agent_is("sleep 600\n");
  start_host("1s");
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_THAT(item.reason, HasSubstr("printed nothing"));
}

TEST_F(DispatchForReal, AStopEndsAGitAtWorkAndTheNextHostClearsUpAfterIt) {
  agent_is(kFix);
  const auto at_work = folder_ / "at-work";
  git_program_ = folder_ / "bin" / "slow-git";
  // Like one that is killed: its lock stays.
  put_program(git_program_, R"(#!/bin/sh
case "$*" in *' fetch '*)
  for word; do
    case $word in --git-dir=*) heads=${word#--git-dir=}/refs/forge/heads ;; esac
  done
  mkdir -p "$heads" && touch "$heads/main.lock"
  touch ')" + at_work.string() +
                                R"('
  sleep 600 & wait ;;
esac
exec /usr/bin/git "$@"
)");
  start_host();
  ASSERT_TRUE(run_until([&] { return std::filesystem::exists(at_work); }));
  bool drained = false;
  const auto from = std::chrono::steady_clock::now();
  life_->dispatcher->drain([&] { drained = true; });
  life_->stop->pull();
  EXPECT_TRUE(run_until([&] { return drained; }));
  end_host();
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::minutes(1));
  git_program_ = "/usr/bin/git";
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
  EXPECT_EQ(item.interruptions, 1);
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
  EXPECT_EQ(item.interruptions, 1);
}

}  // namespace
}  // namespace host::dispatch
