// SPDX-License-Identifier: Apache-2.0
//
// An orderly stop (SIGTERM) in the middle of what a gate runs: it ends at once, costs the item
// nothing, and the next host goes on.
#include <gmock/gmock.h>

#include <chrono>

#include "base/file.hpp"
#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class StopTest : public DispatchBench {
 protected:
  // Without waiting for shutdown_grace (25 s), which is for what can't be ended sooner.
  void stop_while_it_runs(const std::string& part) {
    start_host();
    ASSERT_TRUE(runs_now(part)) << to_text(item()) << log();
    const auto from = std::chrono::steady_clock::now();
    stop();
    EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(15));
    expect_nothing_left();
    check_invariants();
  }
  void remove_the_pipe() const {
    int pipes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(paths_.clones()))
      if (entry.path().filename() == "alternates" && entry.is_fifo()) pipes += fs::remove(entry);
    EXPECT_EQ(pipes, 1);
  }
  // At once, by the next host.
  void expect_goes_on_to_its_end() {
    start_host();
    ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
    EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
    EXPECT_EQ(item()["attempts"], 1);
    EXPECT_EQ(bare_git({"show", "timmy/issue-9:main.txt"}), "return 0\n");
  }
};

TEST_F(StopTest, WhileTheCloneIsMadeReady) {
  agent_is(kFix);
  playbook_is(kUsualLimits, "workspace: { setup: [{ run: [.timmy/setup], timeout: 10m }] }\n");
  put(person() / ".timmy" / "setup",
      "#!/bin/sh\n[ -e .git/been-here ] || grep -q 'return 0' main.txt && exit 0\n"
      ": > .git/been-here; sleep 600\n",
      0755);
  push_to_main();
  stop_while_it_runs("sleep 600");
  expect_goes_on_to_its_end();
}

// git waits for whoever writes into this pipe, and that is nobody. Not in .git, where none is
// taken.
constexpr const char* kLeaveAPipe =
    "trap 'mkdir -p more/info; mkfifo more/info/alternates; "
    "echo ../../more > .git/objects/info/alternates' EXIT\n";

TEST_F(StopTest, WhileItsCommitsAreTakenOut) {
  agent_mends_and(kLeaveAPipe);
  stop_while_it_runs("bundle create");
  remove_the_pipe();
  expect_goes_on_to_its_end();
}

TEST_F(StopTest, AKillWhileItsCommitsAreTakenOut) {
  agent_mends_and(kLeaveAPipe);
  start_host();
  ASSERT_TRUE(runs_now("bundle create")) << to_text(item()) << log();
  kill();
  expect_nothing_left();
  remove_the_pipe();
  expect_goes_on_to_its_end();
}

TEST_F(StopTest, WhileAGateRuns) {
  put(person() / ".timmy" / "verify",
      "#!/bin/sh\n[ \"$1\" = quick ] || sleep 600\ngrep -q 'return 0' main.txt && echo 3 passed\n",
      0755);
  push_to_main();
  agent_is(kFix);
  stop_while_it_runs("sleep 600");
  auto playbook = read_file(paths_.playbooks() / "fixer.yaml", 1 << 16);
  const std::string slow = "run: [.timmy/verify";
  playbook.replace(playbook.find(slow), slow.size(), slow + ", quick");
  put(paths_.playbooks() / "fixer.yaml", playbook);
  expect_goes_on_to_its_end();
}

}  // namespace
}  // namespace host::faults
