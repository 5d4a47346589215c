// SPDX-License-Identifier: Apache-2.0
//
// How real runs end, and what is left of them.
#include <signal.h>
#include <sys/resource.h>

#include "runs/run_bench.hpp"

namespace host::runs {
namespace {

using Kind = RunEnding::Kind;
using testing::HasSubstr;

class RunEnds : public RunBench {};

TEST_F(RunEnds, ByItselfWithItsStatus) {
  const auto ending = run(spec({"exit", "7"}));
  EXPECT_EQ(ending.kind, Kind::exited);
  EXPECT_EQ(ending.number, 7);
  EXPECT_FALSE(ending.killed);
  EXPECT_THAT(ending.evidence, HasSubstr("status 7"));
  EXPECT_EQ(read_ending(folder_ / "runs" / "run-1"), ending);
}

TEST_F(RunEnds, BySignal) {
  const auto ending = run(spec({"signal", std::to_string(SIGSEGV)}));
  EXPECT_EQ(ending.kind, Kind::signalled);
  EXPECT_EQ(ending.number, SIGSEGV);
  EXPECT_THAT(ending.evidence, HasSubstr("SIGSEGV"));
}

TEST_F(RunEnds, AtItsDeadlineAlsoWhenItIgnoresSigterm) {
  auto made = spec({"stubborn"});
  made.limits.wall = std::chrono::milliseconds(300);
  const auto ending = run(made);
  EXPECT_EQ(ending.kind, Kind::deadline);
  EXPECT_TRUE(ending.killed);
  EXPECT_THAT(ending.evidence, HasSubstr("SIGKILL"));
}

TEST_F(RunEnds, AtItsDeadlineByItselfWhenItHeedsSigterm) {
  auto made = spec({"polite"});
  made.limits.wall = std::chrono::milliseconds(300);
  made.limits.grace = std::chrono::seconds(30);
  const auto ending = run(made);
  EXPECT_EQ(ending.kind, Kind::deadline);
  EXPECT_FALSE(ending.killed);
  EXPECT_EQ(ending.number, 3);
}

TEST_F(RunEnds, WhenItStallsButNotWhileTheMeterSeesIt) {
  auto made = spec({"stubborn"});
  made.limits.stall = std::chrono::milliseconds(400);
  start(made);
  const auto begun = std::chrono::steady_clock::now();
  // Alive for longer than it may stall.
  ASSERT_TRUE(run_until([&] {
    runner_->alive(made.id);
    return std::chrono::steady_clock::now() > begun + std::chrono::milliseconds(900);
  }));
  EXPECT_FALSE(ending_);
  const auto ending = wait();
  EXPECT_EQ(ending.kind, Kind::stalled);
  EXPECT_THAT(ending.evidence, HasSubstr("printed nothing"));
}

TEST_F(RunEnds, WhenItIsCancelled) {
  const auto made = spec({"polite"});
  start(made, "ready", [&] { runner_->cancel(made.id, "the issue was closed"); });
  const auto ending = wait();
  EXPECT_EQ(ending.kind, Kind::cancelled);
  EXPECT_THAT(ending.evidence, HasSubstr("the issue was closed"));
}

TEST_F(RunEnds, AtOnceWhenItIsCancelledTwice) {
  auto made = spec({"stubborn"});
  made.limits.grace = std::chrono::hours(1);
  start(made, "ready", [&] {
    runner_->cancel(made.id, "stop");
    runner_->cancel(made.id, "stop");
  });
  const auto ending = wait();
  EXPECT_EQ(ending.kind, Kind::cancelled);
  EXPECT_TRUE(ending.killed);
}

TEST_F(RunEnds, WhenItPrintsWithoutEnd) {
  auto made = spec({"flood"});
  made.limits.output_kept = 64 * 1024;
  made.limits.output_most = 4 << 20;
  const auto ending = run(made);
  EXPECT_EQ(ending.kind, Kind::output);
  const auto log = read_file(folder_ / "runs" / made.id / "output.log", 1 << 20);
  EXPECT_LT(log.size(), 70 * 1024u);
  EXPECT_THAT(log, HasSubstr("[timmy-host left out "));
}

TEST_F(RunEnds, WhenItFillsTheDisk) {
  auto made = spec({"fill", clone()});
  made.limits.disk = 64u << 20;
  const auto ending = run(made);
  EXPECT_EQ(ending.kind, Kind::disk);
  EXPECT_THAT(ending.evidence, HasSubstr("of 64 MiB at most"));
}

TEST_F(RunEnds, WhenAllItsProcessesTogetherTakeTooMuchMemory) {
  auto made = spec({"hog", "8", "48"});
  made.limits.memory = 160u << 20;  // more than each of them takes
  const auto ending = run(made);
  EXPECT_EQ(ending.kind, Kind::memory);
  EXPECT_TRUE(ending.killed);
}

TEST_F(RunEnds, WithNothingLeftThatHid) {
  const auto hidden = clone() / "hidden";
  const auto made = spec({"hide", hidden});
  EXPECT_THAT(outcome(made), HasSubstr("hidden"));
  EXPECT_FALSE(is_held(hidden)) << "the daemon outlived its run";
}

TEST_F(RunEnds, BeforeItBeginsWhenThereIsNoSuchProgram) {
  auto made = spec({});
  made.arguments = {"no-such-program"};
  const auto ending = run(made);
  EXPECT_EQ(ending.kind, Kind::not_started);
  EXPECT_THAT(ending.evidence, HasSubstr("no-such-program"));
  EXPECT_FALSE(in_force_);
}

TEST_F(RunEnds, BeforeItBeginsWhenItsFolderLeadsElsewhere) {
  std::filesystem::create_directory(folder_ / "other");
  std::filesystem::remove(clone());
  std::filesystem::create_directory_symlink(folder_ / "other", clone());
  const auto ending = run(spec({"exit", "0"}));
  EXPECT_EQ(ending.kind, Kind::not_started);
}

TEST_F(RunEnds, BeforeItBeginsWhenItsIdWasUsed) {
  auto made = spec({"exit", "0"});
  EXPECT_EQ(run(made).kind, Kind::exited);
  EXPECT_EQ(run(made).kind, Kind::not_started);
}

TEST_F(RunEnds, AndTellsWhatItUsed) {
  const auto ending = run(spec({"print", "hello"}));
  EXPECT_EQ(ending.usage.output, 6u);
  EXPECT_GT(ending.usage.wall.count(), 0);
  EXPECT_GT(ending.usage.last_output.count(), 0);
}

}  // namespace
}  // namespace host::runs
