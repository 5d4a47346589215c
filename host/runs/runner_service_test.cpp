// SPDX-License-Identifier: Apache-2.0
//
// The service that starts supervisors for a host, as a process of its own.
#include "runs/runner_service.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/process.hpp"
#include "runs/containment.hpp"
#include "runs/run_bench.hpp"

namespace host::runs {
namespace {

using Kind = RunEnding::Kind;
using testing::HasSubstr;

class RunnerServiceTest : public RunBench {
 protected:
  RunnerServiceTest() : RunBench(std::make_unique<ServiceSupervisors>(socket())) {}
  ~RunnerServiceTest() override { runner_.reset(); }

  static std::filesystem::path socket() {
    static const TestFolder folder;
    return folder / "runner.sock";
  }

  void serve(const char* most = "8") {
    service_ = spawn({.program = TIMMY_RUNNER,
                      .arguments = {"timmy-runner", "--listen", socket(), "--most", most},
                      .environment = {}});
    ASSERT_TRUE(run_until([] {
      try {
        // Connected and closed again: a supervisor that is told nothing.
        (void)ServiceSupervisors(socket()).start();
        return true;
      } catch (const Error&) {
        return false;
      }
    }));
  }

  Child service_;
};

// Whether a process of user 1 takes what listens there for its runner.
bool is_taken(const std::filesystem::path& socket) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::seteuid(1) != 0) ::_exit(3);
    try {
      (void)ServiceSupervisors(socket).start();
      ::_exit(0);
    } catch (const Error& error) {
      ::_exit(error.code() == Code::denied ? 1 : 2);
    } catch (...) {
      ::_exit(2);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1) << status;
  return status == 0;
}

// As systemd does for timmy-runner.socket: the service is another user's.
TEST(ServiceSupervisors, WhatRootListensAtIsSystemdsAndAnotherUsersIsNot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be two other users";
  const TestFolder folder;
  ::chmod(folder.path().c_str(), 0777);
  const auto listen_as = [&](uid_t user, const char* name) {
    EXPECT_EQ(::seteuid(user), 0);
    auto listener = listen_for_runs(folder / name);
    EXPECT_EQ(::seteuid(0), 0);
    ::chmod((folder / name).c_str(), 0777);
    return listener;
  };
  const Fd systemds = listen_as(0, "systemds");
  const Fd others = listen_as(2, "others");
  EXPECT_TRUE(is_taken(folder / "systemds"));
  EXPECT_FALSE(is_taken(folder / "others"));
}

TEST_F(RunnerServiceTest, RunsWhatTheHostAsksFor) {
  serve();
  const auto made = spec({"print", "by the service"});
  EXPECT_EQ(outcome(made), "by the service\n");
}

TEST_F(RunnerServiceTest, EndsTheRunsOfAHostThatIsGone) {
  serve();
  const auto hidden = clone() / "hidden";
  const auto made = spec({"hide", hidden, "stay"});
  bool hiding = false;
  start(made, "hidden", [&] { hiding = true; });
  ASSERT_TRUE(run_until([&] { return hiding; }));
  runner_.reset();
  bool gone = false;
  const LockWait wait(loop_, lock(made), [&] { gone = true; });
  EXPECT_TRUE(run_until([&] { return gone; }));
  EXPECT_FALSE(is_held(hidden));
}

TEST_F(RunnerServiceTest, EndsItsRunsWhenItIsStopped) {
  serve();
  const auto made = spec({"polite"});
  start(made, "ready", [&] { ::kill(service_.pid(), SIGTERM); });
  const auto ending = wait();
  EXPECT_EQ(ending.kind, Kind::cancelled);
  EXPECT_THAT(ending.evidence, HasSubstr("told to stop"));
  pollfd ended{service_.pidfd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 30'000), 1);
}

TEST_F(RunnerServiceTest, EndsItsRunsWhenItIsKilled) {
  serve();
  const auto made = spec({"polite"});
  start(made, "ready", [&] { ::kill(service_.pid(), SIGKILL); });
  EXPECT_EQ(wait().kind, Kind::cancelled);
}

TEST_F(RunnerServiceTest, HasRoomForSoManyAndSaysSo) {
  serve("1");
  const auto first = spec({"polite"});
  const auto second = spec({"exit", "0"});
  std::optional<RunEnding> refused;
  start(first, "ready", [&] {
    runner_->start(second, {.started = {}, .output = {}, .ended = [&](const RunEnding& ending) {
                              refused = ending;
                            }});
  });
  ASSERT_TRUE(run_until([&] { return refused.has_value(); }));
  EXPECT_EQ(refused->kind, Kind::not_started);
  EXPECT_THAT(refused->evidence, HasSubstr("1 runs already"));
}

TEST_F(RunnerServiceTest, ThatIsNotThereIsAReasonNotToStart) {
  std::filesystem::remove(socket());
  const auto ending = run(spec({"exit", "0"}));
  EXPECT_EQ(ending.kind, Kind::not_started);
  EXPECT_THAT(ending.evidence, HasSubstr("timmy-runner"));
}

TEST_F(RunnerServiceTest, ListensWhereOnlyItsUserReachesItAndTwiceNowhere) {
  const auto path = folder_ / "own.sock";
  {
    const auto listener = listen_for_runs(path);
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_THROW((void)listen_for_runs(path), Error);
  }
  EXPECT_NO_THROW((void)listen_for_runs(path)) << "what a dead one left is replaced";
}

}  // namespace
}  // namespace host::runs
