// SPDX-License-Identifier: Apache-2.0
//
// kill -9 of the host at every gate, before and after each effect of one: the next host goes on
// from there, and there is one pull request in the end.
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
using ::testing::IsSubsetOf;
using ::testing::Not;

// Says so where another run has the same clone at the same time.
constexpr const char* kOneAtATime = "exec 9> .git/at-work; flock --nonblock 9 || echo TWICE\n";

// In the order in which an item passes them.
constexpr std::array kGatePoints{"dispatch.intake",   "dispatch.triage",    "dispatch.route",
                                 "dispatch.track",    "dispatch.run_named", "dispatch.run_ended",
                                 "dispatch.taken_in", "dispatch.verify",    "dispatch.verified",
                                 "dispatch.report",   "dispatch.sealed",    "dispatch.pushed",
                                 "dispatch.published"};

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
  }
};

// A host for each step of one item's way.
TEST_F(GateKillTest, AHostThatDiesAtEachPointInTurnLeavesOnePullRequest) {
  agent_mends_and(kOneAtATime);
  for (const auto* point : kGatePoints) die_at(point);
  expect_done_once();
}

// A point that nobody kills at would be tested by nothing.
TEST_F(GateKillTest, EveryPointOfAnItemsWayIsInTheList) {
  agent_is(kFix);
  start_host({{"TIMMY_FAILPOINT_LOG", folder_ / "reached"}});
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  std::set<std::string> reached;
  std::ifstream file(folder_ / "reached");
  for (std::string name; std::getline(file, name);)
    if (name.starts_with("dispatch.")) reached.insert(name);
  EXPECT_THAT(reached, ::testing::UnorderedElementsAreArray(kGatePoints));
}

// The gate's command is a run as the agent's is, and nobody waits for it but the host.
TEST_F(GateKillTest, AHostThatIsKilledWhileAGateRunsLeavesNothingOfItAndGoesOn) {
  put(person() / ".timmy" / "verify",
      "#!/bin/sh\nsleep 600\ngrep -q 'return 0' main.txt && echo 3 passed\n", 0755);
  push_to_main();
  agent_is(kFix);
  start_host();
  ASSERT_TRUE(eventually([&] {
    const auto left = left_running();
    return std::any_of(left.begin(), left.end(), [](const std::string& line) {
      return line.find(".timmy/verify") != std::string::npos;
    });
  })) << to_text(item())
      << log();
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
  EXPECT_THAT(pulls(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace host::faults
