// SPDX-License-Identifier: Apache-2.0
#include "base/bounded_process.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using Kind = BoundedEnding::Kind;
using ::testing::HasSubstr;

BoundedRun shell(const std::string& script) {
  BoundedRun run;
  run.request.program = "/bin/sh";
  run.request.arguments = {"sh", "-c", script};
  run.request.environment = {{"PATH", "/usr/bin:/bin"}};
  return run;
}

struct Seen {
  BoundedEnding ending;
  std::string output;
};

Seen run(const BoundedRun& bounded, std::size_t most = SIZE_MAX) {
  Seen seen;
  seen.ending = run_bounded(bounded, [&](std::string_view piece) {
    seen.output.append(piece);
    return seen.output.size() <= most;
  });
  return seen;
}

TEST(RunBounded, HandsOutOutputAndKeepsErrorsApart) {
  const auto seen = run(shell("echo out; echo wrong >&2; exit 3"));
  EXPECT_EQ(seen.ending.kind, Kind::exited);
  EXPECT_EQ(seen.ending.number, 3);
  EXPECT_FALSE(seen.ending.ok());
  EXPECT_EQ(seen.output, "out\n");
  EXPECT_EQ(seen.ending.errors, "wrong\n");
}

TEST(RunBounded, IsToldToEndByAStopAndMayClearUp) {
  const TestFolder folder;
  const auto lock = folder / "lock";
  StopLine stop;
  auto command = shell("touch '" + lock.string() + "'; trap 'rm \"" + lock.string() +
                       "\"; exit 1' TERM; echo begun; sleep 600 & wait");
  command.stop = &stop;
  try {
    (void)run_bounded(command, [&](std::string_view) {
      EXPECT_TRUE(std::filesystem::exists(lock));
      stop.pull();
      return true;
    });
    ADD_FAILURE() << "it was not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
  }
  EXPECT_FALSE(std::filesystem::exists(lock));
}

TEST(RunBounded, LeavesNothingOfAGroupThatDoesNotMindAStop) {
  StopLine stop;
  auto command = shell("trap '' TERM; (trap '' TERM; exec sleep 600) & echo $!; wait");
  command.stop = &stop;
  std::string pid;
  EXPECT_THROW((void)run_bounded(command,
                                 [&](std::string_view piece) {
                                   pid += piece;
                                   stop.pull();
                                   return true;
                                 }),
               Error);
  // A moment passes between the signal and the end of one that is not this process's child.
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (::kill(std::stoi(pid), 0) == 0 && std::chrono::steady_clock::now() < until) continue;
  EXPECT_NE(::kill(std::stoi(pid), 0), 0);
}

TEST(RunBounded, StartsNothingOnceStopped) {
  StopLine stop;
  EXPECT_FALSE(stop.pulled());
  stop.pull();
  EXPECT_TRUE(stop.pulled());
  const TestFolder folder;
  auto command = shell("touch '" + (folder / "ran").string() + "'");
  command.stop = &stop;
  EXPECT_THROW((void)run_bounded(command, [](std::string_view) { return true; }), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "ran"));
}

TEST(StopLine, OfAPartIsPulledByItselfOrWithTheWhole) {
  const auto whole = std::make_shared<StopLine>();
  StopLine one(whole), other(whole), alone(nullptr);
  one.pull();
  EXPECT_TRUE(one.pulled());
  EXPECT_FALSE(whole->pulled());
  EXPECT_FALSE(other.pulled());
  whole->pull();
  EXPECT_TRUE(other.pulled());
  pollfd watched{other.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&watched, 1, 0), 1);
  EXPECT_FALSE(alone.pulled());
}

TEST(RunBounded, TakesAllThatWasPrintedBeforeTheEnd) {
  EXPECT_EQ(run(shell("head -c 3000000 /dev/zero")).output.size(), 3'000'000u);
}

TEST(RunBounded, GivesTheInputFromWhereItStands) {
  auto command = shell("cat");
  const auto input = memory_file("skipped, read");
  ASSERT_EQ(::lseek(input.get(), 9, SEEK_SET), 9);
  command.input = input.get();
  EXPECT_EQ(run(command).output, "read");
  EXPECT_EQ(run(shell("cat")).output, "") << "without one it reads nothing";
}

TEST(RunBounded, EndsWhatTheSinkHasEnoughOfWithAllThatItStarted) {
  Fd started;
  const auto ending = run_bounded(shell("sleep 1000 & echo $!; wait"), [&](std::string_view pid) {
    started = Fd(static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(std::string(pid)), 0)));
    return false;
  });
  EXPECT_EQ(ending.kind, Kind::stopped);
  ASSERT_TRUE(started);
  pollfd ended{started.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "what it started lives";
}

TEST(RunBounded, EndsWhatPrintsWithoutEnd) {
  EXPECT_EQ(run(shell("yes"), 100'000).ending.kind, Kind::stopped);
}

TEST(RunBounded, EndsWhatTakesTooLong) {
  auto command = shell("sleep 1000");
  command.limit = 50ms;
  EXPECT_EQ(run(command).ending.kind, Kind::timed_out);
}

// Whoever takes what is printed may be slower than the program: there is always more to read.
TEST(RunBounded, EndsWhatFloodsOneStreamAtItsLimit) {
  for (const char* script : {"yes", "yes >&2"}) {
    auto command = shell(script);
    command.limit = 50ms;
    std::size_t pieces = 0;
    const auto begin = std::chrono::steady_clock::now();
    const auto ending = run_bounded(command, [&](std::string_view) {
      // Until the pipe is full again, and for long after the limit, however fast this machine is.
      const auto next = begin + ++pieces * 10ms;
      while (std::chrono::steady_clock::now() < next) {
      }
      return pieces < 100;
    });
    EXPECT_EQ(ending.kind, Kind::timed_out) << script;
  }
}

TEST(RunBounded, DoesNotWaitForWhoInheritedItsOutput) {
  auto command = shell("setsid sleep 20 & exit 0");
  command.limit = 10s;
  EXPECT_EQ(run(command).ending.kind, Kind::exited);
}

TEST(RunBounded, KeepsOnlyTheFirstErrors) {
  auto command = shell("yes wrong | head -c 100000 >&2; exit 1");
  command.most_errors = 10;
  EXPECT_EQ(run(command).ending.errors, "wrong\nwron");
}

TEST(RunBounded, BoundsTheFilesThatItWrites) {
  const TestFolder folder;
  const auto large = folder / "large";
  auto command =
      shell("while head -c 65536 /dev/zero >> " + large.string() + "; do :; done; exit 7");
  command.largest_file = std::uint64_t{1} << 20;
  EXPECT_EQ(run(command).ending.number, 7);
  EXPECT_EQ(std::filesystem::file_size(large), std::uint64_t{1} << 20);
}

TEST(RunBounded, ItsLimitsAreInForceFromTheStart) {
  auto command = shell("ulimit -Hc; ulimit -Hf; ulimit -Hd");
  command.largest_file = std::uint64_t{1} << 20;
  command.most_memory = std::uint64_t{64} << 20;
  EXPECT_EQ(run(command).output, "0\n2048\n65536\n");
}

TEST(RunBounded, GivesTheArgumentsAsTheyAre) {
  BoundedRun odd;
  odd.request.program = "/usr/bin/printf";
  odd.request.arguments = {"printf", "%s.", "--core=1", "", "--", "a b"};
  EXPECT_EQ(run(odd).output, "--core=1..--.a b.");
}

TEST(RunBounded, WhatCannotBeStartedIsAnError) {
  BoundedRun missing;
  missing.request.program = "/no/such/program";
  missing.request.arguments = {"program"};
  EXPECT_THROW((void)run(missing), Error);
}

}  // namespace
}  // namespace host
