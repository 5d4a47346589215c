// SPDX-License-Identifier: Apache-2.0
#include "workers/pool.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <fstream>
#include <set>

#include "workers/message.hpp"
#include "workers/pool_fixture.hpp"
#include "workers/sanitizers.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Pool = PoolTest;

std::uint64_t peak_of_this_process() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

TEST_F(Pool, RunsAJobInAWorkerAndReturnsItsResult) {
  const auto run = submit("echo", {{"text", "hello"}});
  EXPECT_FALSE(has_ended(run)) << "the outcome came from inside submit()";
  const auto ended = verdict(run);
  EXPECT_TRUE(has_begun(run));
  EXPECT_EQ(name_of(ended), "completed");
  EXPECT_EQ(ended.result, R"({"text":"hello"})");
  EXPECT_GT(ended.usage.max_rss_bytes, 1u << 20);
  EXPECT_LT(ended.usage.max_rss_bytes, peak_of_this_process()) << "the host's, not the worker's";
  EXPECT_NE(pool().stats().workers.at(0).pid, ::getpid());
}

TEST_F(Pool, KeepsAWorkerForTheNextRun) {
  const int first = pid_of_next_run();
  EXPECT_EQ(pid_of_next_run(), first);
  EXPECT_EQ(pool().stats().started, 1u);
}

TEST_F(Pool, SendsJobsAheadAndRunsThemInOrder) {
  std::vector<RunId> runs;
  for (int i = 0; i < 2000; ++i) runs.push_back(submit("nothing"));
  spec->recycle_after = 200;
  ASSERT_TRUE(run_until([&] { return order.size() == runs.size(); }));
  EXPECT_EQ(order, runs);
  for (const auto run : runs) EXPECT_EQ(name_of(verdict(run)), "completed");
  EXPECT_EQ(pool().stats().started, 10u) << "recycled after every 200 runs";
}

TEST_F(Pool, RunsAsManyOfATaskAtOnceAsItsConcurrency) {
  const auto first = submit("wait", {}, {.concurrency = 2});
  const auto second = submit("wait", {}, {.concurrency = 2});
  const auto third = submit("wait", {}, {.concurrency = 2});
  ASSERT_TRUE(begun(first) && begun(second));
  EXPECT_FALSE(has_begun(third));
  EXPECT_EQ(pool().stats().workers.size(), 2u);
  pool().cancel(second);
  EXPECT_TRUE(begun(third)) << "its turn came when the second ended";
}

TEST_F(Pool, TakesBackWhatWaitsBehindALongRunWhenAnotherWorkerIsFree) {
  const auto slow = submit("sleep", {{"ms", 60'000}}, {.concurrency = 2});
  const auto quick = submit("sleep", {{"ms", 20}}, {.concurrency = 2});
  std::vector<RunId> rest;
  for (int i = 0; i < 20; ++i) rest.push_back(submit("sleep", {{"ms", 1}}, {.concurrency = 2}));
  for (const auto run : rest) EXPECT_EQ(name_of(verdict(run)), "completed");
  EXPECT_TRUE(has_ended(quick));
  EXPECT_FALSE(has_ended(slow)) << "some waited behind it";
}

TEST_F(Pool, DoesNotLetOneTaskWaitForAnother) {
  const auto slow = submit("wait");
  ASSERT_TRUE(begun(slow));
  EXPECT_EQ(result("echo", {{"a", 1}}), Json({{"a", 1}}));
  EXPECT_FALSE(has_ended(slow));
}

TEST_F(Pool, GivesAWaitingTaskAWorkerBeforeABusyOneGetsMore) {
  settings.workers = 1;
  settings.ahead = 4;
  std::vector<RunId> flood;
  for (int i = 0; i < 50; ++i) flood.push_back(submit("nothing"));
  const auto other = submit("echo");
  (void)verdict(other);
  EXPECT_FALSE(has_ended(flood.back())) << "the other task waited for the whole flood";
  ASSERT_TRUE(run_until([&] { return has_ended(flood.back()); }));
}

// Whatever their names.
TEST_F(Pool, GivesItAlsoToATaskWhoseNameComesLater) {
  settings.workers = 1;
  settings.ahead = 4;
  std::vector<RunId> flood;
  for (int i = 0; i < 50; ++i) flood.push_back(submit("echo"));
  const auto other = submit("nothing");
  (void)verdict(other);
  EXPECT_FALSE(has_ended(flood.back()));
  ASSERT_TRUE(run_until([&] { return has_ended(flood.back()); }));
}

TEST_F(Pool, PluginsTakeTurnsOnAMachineThatIsFull) {
  settings.workers = 2;
  settings.ahead = 4;
  const auto flooder = spec;
  std::size_t flooded = 0;
  const auto flood = [&] {
    spec = flooder;
    for (; flooded < order.size() + 50; ++flooded) submit("nothing", {}, {.concurrency = 2});
  };
  flood();
  std::vector<RunId> others;
  for (const auto* plugin : {"before", "later", "other"}) {
    spec = make_spec();
    spec->plugin_id = plugin;
    others.push_back(submit("nothing"));
  }
  for (const auto run : others)
    EXPECT_TRUE(run_until([&] {
      flood();
      return has_ended(run);
    })) << "it waits for a flood that never ends";
  pool().interrupt_all();
}

TEST_F(Pool, WhoWaitsBehindOneThatIsCancelledGoesOn) {
  settings.workers = 1;
  const auto long_one = submit("wait");
  ASSERT_TRUE(begun(long_one));
  const auto ahead = submit("wait");
  spec = make_spec();
  spec->plugin_id = "another";
  const auto first = submit("nothing");
  pool().cancel(first);
  pool().cancel(long_one);
  EXPECT_TRUE(begun(ahead));
}

TEST_F(Pool, ReplacesAWorkerAfterItsRuns) {
  spec->recycle_after = 2;
  const int first = pid_of_next_run();
  EXPECT_EQ(pid_of_next_run(), first);
  EXPECT_NE(pid_of_next_run(), first);
}

TEST_F(Pool, ReplacesAWorkerThatHasGrownToHalfItsMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer reserves more memory than any limit";
  spec->limits.memory_bytes = 128ull << 20;
  std::set<int> pids;
  for (int runs = 0; runs < 20; ++runs)
    pids.insert(result("leak", {{"mib", 20}}).at("pid").get<int>());
  EXPECT_GE(pids.size(), 4u) << "it would run out of memory in the seventh run";
  EXPECT_LE(pids.size(), 10u) << "replaced before it had grown";
  EXPECT_EQ(pool().stats().crashed, 0u);
  EXPECT_GE(pool().stats().outgrown, 3u);
}

TEST_F(Pool, GivesEachRunAFreshProcessWhenAsked) {
  spec->fresh = true;
  spec->recycle_after = 1;
  const int first = pid_of_next_run();
  EXPECT_NE(pid_of_next_run(), first);
}

TEST_F(Pool, ReplacesAWorkerAfterAFailureAndRunsTheRestInAnother) {
  const int first = pid_of_next_run();
  const auto failing = submit("fail", {{"status", 1}, {"code", "later"}});
  const auto next = submit("fail", {{"status", 0}});
  EXPECT_EQ(verdict(failing).code, "later");
  EXPECT_EQ(name_of(verdict(next)), "completed") << "it was ahead in the worker that was replaced";
  EXPECT_NE(pid_of_next_run(), first);
}

TEST_F(Pool, KeepsAWorkerAfterASnooze) {
  const int first = pid_of_next_run();
  const auto snoozed = verdict(submit("fail", {{"status", 4}, {"delay_ms", 1500}}));
  EXPECT_EQ(name_of(snoozed), "snoozed");
  EXPECT_EQ(snoozed.delay, Duration(1500ms));
  EXPECT_EQ(pid_of_next_run(), first);
}

TEST_F(Pool, ReplacesAWorkerInWhichARunLeftSomethingBehind) {
  for (const auto* what : {"leave_thread", "leave_descriptor"}) {
    const int before = pid_of_next_run();
    EXPECT_EQ(name_of(verdict(submit(what))), "completed") << what;
    EXPECT_NE(pid_of_next_run(), before) << what;
  }
  EXPECT_THAT(*log, testing::Contains(HasSubstr("left 1 threads, 0 descriptors")));
  EXPECT_THAT(*log, testing::Contains(HasSubstr("left 0 threads, 1 descriptors")));
}

TEST_F(Pool, LeavesAPluginTheThreadsThatItStartedInCreate) {
  spec = make_spec({{"create", "thread"}});
  const int first = pid_of_next_run();
  EXPECT_EQ(pid_of_next_run(), first);
}

TEST_F(Pool, EndsAnIdleWorkerAndRemovesItsScratch) {
  settings.idle = 30ms;
  EXPECT_EQ(result("scratch").at("made"), true);
  EXPECT_FALSE(std::filesystem::is_empty(folder / "scratch"));
  ASSERT_TRUE(run_until([&] { return pool().stats().workers.empty(); }));
  context.restart();
  context.poll();
  EXPECT_TRUE(std::filesystem::is_empty(folder / "scratch")) << "with its locked folder";
  EXPECT_EQ(pool().stats().crashed, 0u);
}

TEST_F(Pool, LetsARunEndOnTheOldConfigAndStartsTheNextOnTheNewOne) {
  const auto old = submit("wait");
  ASSERT_TRUE(begun(old));
  const int old_pid = pool().stats().workers.at(0).pid;
  spec = make_spec({{"create", ""}});
  EXPECT_NE(pid_of_next_run(), old_pid);
  EXPECT_FALSE(has_ended(old));
  pool().cancel(old);
  (void)verdict(old);
  ASSERT_TRUE(run_until([&] { return pool().stats().workers.size() == 1; }));
}

TEST_F(Pool, NoticesThatAGrantedFileIsAnotherOne) {
  const auto granted = folder / "granted";
  std::ofstream(granted) << "one";
  spec->readable = {granted};
  const Json attempt = {{"probe", "read"}, {"target", granted.string()}};
  EXPECT_EQ(result("probe", attempt).at("errno"), 0);
  const auto pid = pool().stats().workers.at(0).pid;
  write_atomically(granted, "two");
  EXPECT_EQ(result("probe", attempt).at("errno"), 0) << "the new file, too, is what was granted";
  EXPECT_NE(pool().stats().workers.back().pid, pid);
}

TEST_F(Pool, ReportsAPluginThatCannotBeMade) {
  spec = make_spec({{"create", "error"}});
  const auto refused = outcome(submit("echo"));
  EXPECT_TRUE(refused.unmade);
  auto ended = refused.verdict;
  EXPECT_EQ(name_of(ended), "failed");
  EXPECT_TRUE(ended.permanent);
  EXPECT_EQ(ended.code, "bad_rules");
  EXPECT_EQ(ended.message, "the rules make no sense");

  spec = make_spec({{"create", "retry"}});
  EXPECT_FALSE(verdict(submit("echo")).permanent);

  spec = make_spec();
  EXPECT_FALSE(outcome(submit("fail", {{"status", 2}})).unmade) << "a run that fails for good";

  spec = make_spec({{"create", "throw"}});
  ended = verdict(submit("echo"));
  EXPECT_EQ(ended.code, kThrew);
  EXPECT_THAT(ended.message, HasSubstr("create threw an exception: out of create"));

  spec = make_spec({{"create", "crash"}});
  ended = verdict(submit("echo"));
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.message, "its worker was ended by SIGABRT, while the plugin was being made");
}

TEST_F(Pool, DoesNotWaitForAPluginThatIsNeverMade) {
  settings.start = 300ms;
  spec = make_spec({{"create", "hang"}});
  const auto first = submit("echo");
  const auto second = submit("echo");
  const auto ended = verdict(first);
  EXPECT_EQ(name_of(ended), "timed_out");
  EXPECT_THAT(ended.message, HasSubstr("was not made within 300ms"));
  EXPECT_TRUE(outcome(second).not_begun) << "only the run that started the worker pays";
}

TEST_F(Pool, DoesNotWaitForAPluginThatIsNeverDestroyed) {
  for (const auto* how : {"hang", "crash"}) {
    spec = make_spec({{"destroy", how}});
    EXPECT_EQ(name_of(verdict(submit("nothing"))), "completed");
    pool().retire("hostile");
    EXPECT_TRUE(run_until([&] { return pool().stats().workers.empty(); })) << how;
  }
}

TEST_F(Pool, TellsWhatADestroyThrew) {
  spec = make_spec({{"destroy", "throw"}});
  EXPECT_EQ(name_of(verdict(submit("nothing"))), "completed");
  pool().retire("hostile");
  EXPECT_TRUE(run_until([&] { return pool().stats().workers.empty(); }));
  EXPECT_TRUE(services.logged(std::string(kDestroyThrew) + "an exception: out of destroy"));
  EXPECT_EQ(pool().stats().crashed, 0u);
}

TEST_F(Pool, SaysWhetherARunsProcessDiedWithIt) {
  EXPECT_FALSE(outcome(submit("wait", {{"ms", 0}})).died);
  const auto run = submit("exit", {{"status", 0}});
  EXPECT_TRUE(outcome(run).died);
}

TEST_F(Pool, RunsWaitAtNoCostWhileNoWorkerCanBeStarted) {
  program = folder / "missing";
  settings.start_pause = 50ms;
  std::vector<RunId> runs;
  for (int i = 0; i < 50; ++i) runs.push_back(submit("echo"));
  EXPECT_EQ(pool().stats().failed_starts, 1u) << "not one for each of them";
  EXPECT_THAT(pool().stats().start_error, HasSubstr("missing: No such file"));
  ASSERT_TRUE(run_until([&] { return pool().stats().failed_starts == 3; }));
  for (const auto run : runs) EXPECT_FALSE(has_ended(run));
  std::filesystem::create_symlink(TIMMY_WORKER, program);
  for (const auto run : runs) EXPECT_EQ(name_of(verdict(run)), "completed");
  EXPECT_EQ(pool().stats().start_error, "");
}

TEST_F(Pool, NobodyIsSaidToLackAWorkerOnceNobodyWaitsForOne) {
  program = folder / "missing";
  settings.start_pause = 10ms;
  const auto run = submit("echo");
  pool().cancel(run);
  EXPECT_EQ(name_of(verdict(run)), "cancelled");
  EXPECT_TRUE(run_until([&] { return pool().stats().start_error.empty(); }));
}

TEST_F(Pool, PassesOnWhatAPluginLogsAndPrints) {
  const auto run = submit("log");
  const auto ended = verdict(run);
  EXPECT_EQ(ended.output, "printed\\x1b[31m\ncomplained");
  ASSERT_TRUE(services.logged("logged\\nin two lines"));
  ASSERT_TRUE(services.logged("printed\\x1b[31m"));
  for (const auto& line : services.lines) EXPECT_EQ(line.run, run) << line.text;
}

TEST_F(Pool, EndsAnIdleWorkerOfAnotherPluginWhenTheMachineIsFull) {
  settings.workers = 1;
  (void)result("echo");
  auto other = make_spec();
  other->plugin_id = "another";
  spec = other;
  EXPECT_EQ(result("echo", {{"b", 2}}), Json({{"b", 2}}));
  EXPECT_EQ(pool().stats().workers.size(), 1u);
}

TEST_F(Pool, KillsItsWorkersWhenItGoes) {
  const auto run = submit("hang");
  ASSERT_TRUE(begun(run));
  const int pid = pool().stats().workers.at(0).pid;
  drop_pool();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "scratch"));
}

}  // namespace
}  // namespace host
