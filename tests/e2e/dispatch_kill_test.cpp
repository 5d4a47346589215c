// SPDX-License-Identifier: Apache-2.0
//
// kill -9 of the host at every gate, before, after and in the middle of each effect of one: the
// next host goes on from there, and there is one pull request in the end.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::SizeIs;

// Says so where another run has the same clone at the same time.
constexpr const char* kOneAtATime = "exec 9> .git/at-work; flock --nonblock 9 || echo TWICE\n";

// In the order in which an item passes them.
constexpr std::array kGatePoints{"dispatch.intake",   "dispatch.triage",    "dispatch.route",
                                 "dispatch.track",    "dispatch.run_named", "dispatch.run_ended",
                                 "dispatch.taken_in", "dispatch.verify",    "dispatch.verified",
                                 "dispatch.report",   "dispatch.sealed",    "dispatch.pushed",
                                 "dispatch.published"};

// Within what a gate brings about, likewise.
constexpr std::array kEffectPoints{
    "workspaces.clone_fetched", "workspaces.clone_filled", "dispatch.set_up",
    "dispatch.bundled",         "workspaces.objects_kept", "dispatch.imported",
    "dispatch.commit_made",     "dispatch.pull_opened",    "dispatch.labelled",
    "dispatch.commented",       "dispatch.status_set"};

// What gives each of them something to do.
constexpr const char* kAllEffects =
    "workspace: { setup: [{ run: [.timmy/setup], timeout: 1m }] }\n"
    "report: { labels: [by-agent, checked] }\n";

class GateKillTest : public DispatchBench {
 protected:
  // The life of a host that ends at this point.
  void die_at(const std::string& point) {
    start_host({{"TIMMY_FAILPOINT", point + "=kill"}}, false);
    const auto exit = host().wait();
    EXPECT_TRUE(exit.signalled) << "no host died at " << point << "\n" << log();
    host_.reset();
    expect_nothing_left();
    check_invariants();
    EXPECT_THAT(pulls(), IsSubsetOf({std::string("timmy/issue-9")})) << point;
  }
  void setup_is(const std::string& script) {
    playbook_is(kUsualLimits, kAllEffects);
    put(person() / ".timmy" / "setup", "#!/bin/sh\n" + script, 0755);
    push_to_main();
    pull_labels_ = {"by-agent", "checked"};
    forge_.with([&](forge::Forge& forge) {
      for (const auto& name : pull_labels_)
        forge.state.add_label(*forge.state.repo(kAppRepo), name);
    });
  }
  void expect_done_once() {
    start_host();
    ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
    EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
    EXPECT_THAT(branches(), ElementsAre("timmy/issue-9"));
    EXPECT_EQ(item()["attempts"], 1) << "an end of a host's is no attempt";
    for (const auto& run : fs::directory_iterator(paths_.runs()))
      EXPECT_THAT(output(run.path().filename()), Not(HasSubstr("TWICE"))) << run.path();
    // Of the forge's side: the texts are there once, too.
    const auto texts = forge_texts();
    const auto first = texts.find("has work on this issue");
    EXPECT_NE(first, std::string::npos);
    EXPECT_EQ(texts.find("has work on this issue", first + 1), std::string::npos) << texts;
    expect_whole_at_the_forge();
  }
  // The work, its one pull request with its labels and its status, and one comment.
  void expect_whole_at_the_forge() {
    const auto sealed = bare_git({"rev-parse", "timmy/issue-9"});
    EXPECT_EQ(bare_git({"show", "timmy/issue-9:main.txt"}), "return 0\n");
    EXPECT_EQ(bare_git({"rev-list", "--count", "main..timmy/issue-9"}), "2\n")
        << "the agent's commit and the host's";
    forge_.with([&](forge::Forge& forge) {
      const auto& repo = *forge.state.repo(kAppRepo);
      EXPECT_THAT(repo.issues.at(number_).comments, SizeIs(1));
      EXPECT_EQ(labels_of(repo, number_), std::set<std::string>{"agent-ready"});
      ASSERT_THAT(repo.pulls, SizeIs(1));
      const auto pull = repo.pulls.begin()->first;
      EXPECT_THAT(repo.issues.at(pull).comments, IsEmpty());
      EXPECT_FALSE(repo.issues.at(pull).closed);
      EXPECT_EQ(labels_of(repo, pull), pull_labels_);
      const auto statuses = repo.statuses.find(sealed.substr(0, 40));
      ASSERT_NE(statuses, repo.statuses.end()) << "none on what was pushed";
      EXPECT_THAT(statuses->second, SizeIs(1)) << "told twice";
      EXPECT_THAT(repo.statuses, SizeIs(1));
    });
  }
  static std::set<std::string> labels_of(const forge::Repo& repo, std::int64_t number) {
    std::set<std::string> names;
    for (const auto id : repo.issues.at(number).labels)
      for (const auto& label : repo.labels)
        if (label.id == id) names.insert(label.name);
    return names;
  }

  std::set<std::string> pull_labels_;
};

// A host for each step of one item's way.
TEST_F(GateKillTest, AHostThatDiesAtEachPointInTurnLeavesOnePullRequest) {
  agent_mends_and(kOneAtATime);
  for (const auto* point : kGatePoints) die_at(point);
  expect_done_once();
}

TEST_F(GateKillTest, NorDoesOneThatDiesInTheMiddleOfWhatAGateBringsAbout) {
  agent_mends_and(kOneAtATime);
  setup_is("exit 0\n");
  for (const auto* point : kEffectPoints) die_at(point);
  expect_done_once();
}

TEST_F(GateKillTest, WhatOneDidWhoDiedWhileItMadeTheCloneReadyIsDoneAnew) {
  agent_mends_and(std::string(kOneAtATime) + "[ -e .git/ready ] || exit 3\n");
  // The clone that its gates look at is made ready, too.
  setup_is(
      "[ -e .git/been-here ] && exec touch .git/ready\n"
      "grep -q 'return 0' main.txt || { : > .git/been-here; sleep 600; }\n");
  start_host();
  ASSERT_TRUE(runs_now("sleep 600")) << to_text(item()) << log();
  kill();
  expect_nothing_left();
  expect_done_once();
}

// A point that nobody kills at would be tested by nothing.
TEST_F(GateKillTest, EveryPointOfAnItemsWayIsInTheList) {
  agent_is(kFix);
  setup_is("exit 0\n");
  start_host({{"TIMMY_FAILPOINT_LOG", folder_ / "reached"}});
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  std::set<std::string> reached;
  std::ifstream file(folder_ / "reached");
  for (std::string name; std::getline(file, name);)
    if (name.starts_with("dispatch.") || name.starts_with("workspaces.")) reached.insert(name);
  std::set<std::string> known(kGatePoints.begin(), kGatePoints.end());
  known.insert(kEffectPoints.begin(), kEffectPoints.end());
  EXPECT_EQ(reached, known);
}

// The gate's command is a run as the agent's is, and nobody waits for it but the host.
TEST_F(GateKillTest, AHostThatIsKilledWhileAGateRunsLeavesNothingOfItAndGoesOn) {
  put(person() / ".timmy" / "verify",
      "#!/bin/sh\nsleep 600\ngrep -q 'return 0' main.txt && echo 3 passed\n", 0755);
  push_to_main();
  agent_is(kFix);
  start_host();
  ASSERT_TRUE(runs_now("sleep 600")) << to_text(item()) << log();
  EXPECT_EQ(item()["gate"], "verify");
  kill();
  expect_nothing_left();
  start_host();
  // It hangs again; a person has the last word.
  ASSERT_TRUE(eventually([&] {
    return item()["state"] == "running" && item()["gate"] == "verify";
  })) << to_text(item())
      << log();
  client().post("/v1/items/" + to_text(item()["id"]) + "/cancel", Json{{"why", "it hangs"}});
  ASSERT_TRUE(item_is("stopped")) << to_text(item()) << log();
  expect_nothing_left();
  EXPECT_THAT(pulls(), IsEmpty());
}

}  // namespace
}  // namespace host::faults
