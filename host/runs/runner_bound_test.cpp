// SPDX-License-Identifier: Apache-2.0
//
// A fork bomb in a run, where the kernel keeps it small: also while its supervisor does not run.
// Nowhere else is one lit.
#include <signal.h>
#include <unistd.h>

#include "base/json.hpp"
#include "runs/run_bench.hpp"
#include "runs/supervisor/processes.hpp"

namespace host::runs {
namespace {

using Kind = RunEnding::Kind;

constexpr int kMost = 40;
// pid_max of a pid namespace is so much above.
constexpr int kWider = 300;

class RunBound : public RunBench {
 protected:
  RunSpec bounded(std::vector<std::string> deed) {
    auto made = spec(std::move(deed));
    made.limits.processes = kMost;
    return made;
  }
  // Whether the kernel holds a run to its processes; else why not.
  bool holds() {
    EXPECT_EQ(run(bounded({"exit", "0"})).kind, Kind::exited);
    const auto layer = in_force_.value_or(InForce{}).processes;
    why_not_ = "no fork bomb is lit here, since the kernel would not bound it: " + layer.detail;
    wider_ = layer.detail.find("pid_max") != std::string::npos;
    return layer.in_force;
  }
  // At most so many at any time, the run's first one among them.
  [[nodiscard]] int most() const { return kMost + 1 + (wider_ ? kWider : 0); }
  static LockRecord record_of(const std::filesystem::path& lock) {
    const auto json = parse_json(read_file(lock, 1000), "the lock");
    return {.supervisor = json.at("supervisor").get<pid_t>(),
            .first = json.at("first").get<pid_t>(),
            .cgroup = {}};
  }
  void expect_ended_within_bounds(const RunSpec& made, const RunEnding& ending) {
    // A bound that is the limit lasts until the deadline. One above it is passed by then: that is
    // seen and ended.
    EXPECT_EQ(ending.kind, wider_ ? Kind::processes : Kind::deadline) << ending.evidence;
    EXPECT_LE(ending.usage.peak_processes, most());
    EXPECT_FALSE(still_runs(lock(made)));
  }

  std::string why_not_;
  bool wider_ = false;
};

TEST_F(RunBound, EndsAForkBombWithinItsProcesses) {
  if (!holds()) GTEST_SKIP() << why_not_;
  auto made = bounded({"bomb"});
  made.limits.wall = std::chrono::seconds(2);
  const auto ending = run(made);
  expect_ended_within_bounds(made, ending);
}

TEST_F(RunBound, EndsWhatStartsThreadsWithoutEnd) {
  if (!holds()) GTEST_SKIP() << why_not_;
  auto made = bounded({"threads"});
  made.limits.wall = std::chrono::seconds(2);
  const auto ending = run(made);
  expect_ended_within_bounds(made, ending);
}

TEST_F(RunBound, HoldsAForkBombWhileItsSupervisorIsFrozen) {
  if (!holds()) GTEST_SKIP() << why_not_;
  const auto made = bounded({"bomb"});
  LockRecord record;
  start(made, "lit", [&] {
    if (record.supervisor != 0) return;
    record = record_of(lock(made));
    ::kill(record.supervisor, SIGSTOP);
  });
  ASSERT_TRUE(run_until([&] { return record.supervisor != 0 || ending_; }));
  // Where the supervisor was quicker there is nothing to see, which is no fault.
  const auto below = supervisor::Processes::below(record.first);
  int seen = 0;
  for (int looks = 0; looks < 30; ++looks) {
    context_.restart();
    context_.run_one_for(std::chrono::milliseconds(10));
    seen = std::max(seen, below.measure().tasks);
  }
  EXPECT_LT(seen, most()) << "more than the kernel was told to give";
  ::kill(record.supervisor, SIGCONT);
  ::kill(record.supervisor, SIGKILL);
  (void)wait();
  bool gone = false;
  const LockWait wait_for_lock(loop_, lock(made), [&] { gone = true; });
  EXPECT_TRUE(run_until([&] { return gone; }));
  EXPECT_EQ(below.measure().tasks, 0);
}

TEST_F(RunBound, LeavesTheMachinesOwnBoundAlone) {
  const auto before = read_file("/proc/sys/kernel/pid_max", 100);
  EXPECT_EQ(run(bounded({"exit", "0"})).kind, Kind::exited);
  EXPECT_EQ(read_file("/proc/sys/kernel/pid_max", 100), before);
}

TEST_F(RunBound, IsTheKernelsForWhoMayMakeUserNamespacesAndIsNotRoot) {
  if (::geteuid() == 0) GTEST_SKIP() << "this is root, whom no RLIMIT_NPROC binds";
  const bool in_force = holds();
  if (!in_force_ || !in_force_->pid_namespace.in_force)
    GTEST_SKIP() << "this user can't have namespaces here";
  EXPECT_TRUE(in_force) << why_not_;
}

TEST_F(RunBound, IsNotSaidOfARunWithoutALimit) {
  EXPECT_EQ(run(spec({"exit", "0"})).kind, Kind::exited);
  ASSERT_TRUE(in_force_);
  EXPECT_FALSE(in_force_->processes.in_force);
}

}  // namespace
}  // namespace host::runs
