// SPDX-License-Identifier: Apache-2.0
//
// Rows W1 to W6, W8 and W10 of the fault matrix: what a plugin does to its worker, and what the
// host sees of it.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/syscall.h>

#include "base/process.hpp"
#include "workers/message.hpp"
#include "workers/pool_fixture.hpp"
#include "workers/sanitizers.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class PoolFaults : public PoolTest {
 protected:
  // After whatever happened: the pool works, and nothing is left of it.
  ~PoolFaults() override {
    spec = make_spec();
    EXPECT_EQ(result("echo", {{"still", "here"}}), Json({{"still", "here"}}));
    drop_pool();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child or a zombie is left";
    EXPECT_TRUE(std::filesystem::is_empty(folder / "scratch"));
  }
};

TEST_F(PoolFaults, W1NamesTheSignalOfACrash) {
  for (const auto& [task, signal] :
       std::map<std::string, int>{{"segv", SIGSEGV}, {"abort", SIGABRT}, {"overflow", SIGSEGV}}) {
    const auto ended = verdict(submit(task));
    EXPECT_EQ(name_of(ended), "crashed") << task;
    EXPECT_EQ(ended.code, "signal") << task;
    EXPECT_EQ(ended.signal, signal) << task;
    EXPECT_THAT(ended.message, HasSubstr(signal == SIGSEGV ? "SIGSEGV" : "SIGABRT"));
  }
  EXPECT_EQ(pool().stats().crashed, 3u);
}

TEST_F(PoolFaults, W1KeepsTheLastLinesAndTheUsageOfACrash) {
  const auto ended = verdict(submit("segv"));
  EXPECT_THAT(ended.output, HasSubstr("about to crash"));
  EXPECT_GT(ended.usage.cpu, 0us);
}

TEST_F(PoolFaults, W1ToldApartFromAKillFromOutside) {
  const auto run = submit("wait");
  ASSERT_TRUE(begun(run));
  ::kill(pool().stats().workers.at(0).pid, SIGKILL);
  const auto ended = verdict(run);
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.signal, SIGKILL);
  EXPECT_THAT(ended.message, HasSubstr("not the host's"));
}

TEST_F(PoolFaults, ACrashChargesOnlyTheRunThatHadBegun) {
  const auto done = submit("exit", {{"status", 3}});
  std::vector<RunId> ahead;
  for (int i = 0; i < 5; ++i) ahead.push_back(submit("exit", {{"status", 0}}));
  EXPECT_EQ(name_of(verdict(done)), "crashed");
  for (const auto run : ahead) {
    EXPECT_TRUE(outcome(run).not_begun);
    EXPECT_FALSE(has_begun(run));
  }
}

TEST_F(PoolFaults, ARunThatIsToBeAloneHasNothingSentAhead) {
  const auto alone = submit("exit", {{"status", 3}}, {.alone = true});
  const auto next = submit("exit", {{"status", 4}});
  EXPECT_EQ(verdict(alone).exit_status, 3);
  EXPECT_EQ(verdict(next).exit_status, 4) << "it was not in the worker that died";
}

TEST_F(PoolFaults, W2NamesMemoryWhenALimitIsHit) {
  spec->limits.memory_bytes = 64u << 20;
  if (kSanitized) {
    (void)result("echo");
    EXPECT_FALSE(pool().cage()->in_force("memory")) << "a sanitizer's memory can't be limited";
    return;
  }
  const auto ended = verdict(submit("oom"));
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.code, "memory");
  EXPECT_EQ(ended.signal, SIGABRT);
  EXPECT_THAT(ended.message, HasSubstr("over its memory limit of 64 MiB"));
  EXPECT_LT(ended.usage.max_rss_bytes, 128u << 20);
}

TEST_F(PoolFaults, ARunThatClosesWhatIsNotItsOwnEndsWithTheNextFrame) {
  settings.cancel_grace = std::chrono::minutes(5);
  const auto run = submit("close_others");
  ASSERT_TRUE(run_until([&] { return services.logged("closed"); }));
  pool().cancel(run);
  EXPECT_EQ(name_of(verdict(run)), "cancelled");
  EXPECT_EQ(result("echo", {{"fine", 1}}), Json({{"fine", 1}}));
}

TEST_F(PoolFaults, W3StopsAComputationAtItsDeadline) {
  settings.term_grace = 20s;
  const auto ended = verdict(submit("spin", {}, {.timeout = 50ms}));
  EXPECT_EQ(name_of(ended), "timed_out");
  EXPECT_EQ(ended.code, "deadline");
  EXPECT_EQ(ended.signal, SIGTERM) << "cancelled() was not asked, SIGTERM sufficed";
  EXPECT_THAT(ended.message, HasSubstr("ran past its deadline of 50ms"));
  EXPECT_GT(ended.usage.cpu, Duration::zero());
}

TEST_F(PoolFaults, W3StopsAComputationAtItsCpuLimit) {
  spec->limits.cpu = 100ms;  // the kernel counts whole seconds
  const auto ended = verdict(submit("spin"));
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.code, "cpu");
  EXPECT_EQ(ended.signal, SIGXCPU);
}

TEST_F(PoolFaults, W4KillsWhatIgnoresSigterm) {
  const auto ended = verdict(submit("hang", {}, {.timeout = 1s}));
  EXPECT_EQ(name_of(ended), "timed_out");
  EXPECT_EQ(ended.signal, SIGKILL);
  EXPECT_EQ(pool().stats().killed, 1u);
}

TEST_F(PoolFaults, W4LetsARunThatListensEndByItself) {
  settings.cancel_grace = 20s;
  const auto ended = verdict(submit("wait", {}, {.timeout = 30ms}));
  EXPECT_EQ(name_of(ended), "timed_out");
  EXPECT_EQ(ended.signal, 0);
  EXPECT_THAT(ended.message, HasSubstr("was told to stop"));
}

TEST_F(PoolFaults, W4StartsTheDeadlineWhenTheRunBegins) {
  const auto first = submit("sleep", {{"ms", 700}}, {.timeout = 20s});
  const auto second = submit("sleep", {{"ms", 1}}, {.timeout = 600ms});
  EXPECT_EQ(name_of(verdict(first)), "completed");
  EXPECT_EQ(name_of(verdict(second)), "completed") << "it waited longer than its deadline";
}

TEST_F(PoolFaults, W5RefusesProcesses) {
  const auto bomb = result("fork");
  EXPECT_EQ(bomb.at("children"), 0);
  EXPECT_EQ(bomb.at("errno"), EPERM);
}

TEST_F(PoolFaults, W5BoundsThreadsByTheMemoryLimit) {
  if (kSanitized) return (void)result("echo");  // no memory limit there, see W2
  spec->limits.memory_bytes = 128u << 20;
  const auto bomb = result("threads");
  EXPECT_GT(bomb.at("threads"), 4);
  EXPECT_LT(bomb.at("threads"), 64) << "each has a stack of 8 MiB";
}

TEST_F(PoolFaults, W6BoundsDescriptors) {
  const auto leak = result("descriptors", {{"close", true}});
  EXPECT_EQ(leak.at("errno"), EMFILE);
  EXPECT_LT(leak.at("opened"), 64);
  EXPECT_EQ(name_of(verdict(submit("descriptors", {{"close", false}}))), "completed");
  EXPECT_THAT(*log, testing::Contains(HasSubstr("descriptors and 0 children behind")));
}

TEST_F(PoolFaults, W6BoundsAFilesSize) {
  spec->limits.file_bytes = 4u << 20;
  const auto ended = verdict(submit("file"));
  EXPECT_EQ(ended.code, "file_size");
  EXPECT_EQ(ended.signal, SIGXFSZ);
  EXPECT_EQ(ended.message, "its worker wrote past its file limit of 4 MiB");
}

TEST_F(PoolFaults, W6DropsAndCountsAFloodOfOutput) {
  settings.lines_per_second = 1;
  settings.lines_burst = 20;
  const auto ended = verdict(submit("flood", {}, {.timeout = 150ms}));
  EXPECT_EQ(name_of(ended), "timed_out");
  EXPECT_LE(services.lines.size(), 25u);
  EXPECT_LE(ended.output.size(), kOutputCap);
  EXPECT_THAT(ended.output, HasSubstr("ffff"));
  pool().retire("hostile");
  ASSERT_TRUE(run_until([&] { return pool().stats().workers.empty(); }));
  EXPECT_GT(pool().stats().dropped_lines, 100u);
}

TEST_F(PoolFaults, W8NoticesAnExitWithoutAResult) {
  auto ended = verdict(submit("exit", {{"status", 0}}));
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.code, "no_result");
  EXPECT_EQ(ended.message, "its worker exited with status 0 and gave no result");

  ended = verdict(submit("exit", {{"status", 3}}));
  EXPECT_EQ(ended.code, "exit");
  EXPECT_EQ(ended.exit_status, 3);

  ended = verdict(submit("pthread_exit"));
  EXPECT_EQ(ended.code, "exit") << ended.message;
}

TEST_F(PoolFaults, W8EndsAPluginThatClosesItsChannelAtTheDeadline) {
  // Its worker's reading thread still holds the socket, so the host sees no end of file.
  const auto ended = verdict(submit("close", {}, {.timeout = 50ms}));
  EXPECT_EQ(name_of(ended), "timed_out");
  // Not how its worker ended: under the thread sanitizer by what that thinks of such a close.
  EXPECT_THAT(ended.message, HasSubstr("ran past its deadline of 50ms; its worker"));
}

TEST_F(PoolFaults, AnExceptionIsAFailureAndNoCrash) {
  const auto ended = verdict(submit("throw"));
  EXPECT_EQ(name_of(ended), "failed");
  EXPECT_EQ(ended.code, kThrew);
  EXPECT_TRUE(ended.permanent);
  EXPECT_EQ(ended.message, "the plugin's run threw an exception: out of the blue");
}

TEST_F(PoolFaults, AResultThatIsNotJsonIsAFailure) {
  const auto ended = verdict(submit("bad_result"));
  EXPECT_EQ(name_of(ended), "failed");
  EXPECT_EQ(ended.code, "invalid_result");
}

TEST_F(PoolFaults, OneWorkersEndDoesNotTouchAnother) {
  const auto bystander = submit("sleep", {{"ms", 100}});
  ASSERT_TRUE(begun(bystander));
  EXPECT_EQ(name_of(verdict(submit("abort"))), "crashed");
  EXPECT_EQ(name_of(verdict(bystander)), "completed");
}

TEST(PoolOrphans, W10GoWithTheirHostAtOnce) {
  for (const char* task : {"hostile_wait", "hostile_hang"}) {
    const TestFolder folder;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd read(ends[0]);
    Fd write(ends[1]);
    auto host = spawn({.program = TIMMY_HOST_STUB,
                       .arguments = {"host", TIMMY_WORKER, TIMMY_HOSTILE, folder.path(), task},
                       .environment = {},
                       .descriptors = {{write.get(), 1}}});
    write.reset();
    char text[32] = {};
    ASSERT_GT(::read(read.get(), text, sizeof text - 1), 0) << "the host printed no worker's pid";
    const int pid = std::atoi(text);
    const Fd worker(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ASSERT_TRUE(worker) << pid;

    ::kill(host.pid(), SIGKILL);
    pollfd ended{worker.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << task << ": the worker outlives its host";
  }
}

}  // namespace
}  // namespace host
