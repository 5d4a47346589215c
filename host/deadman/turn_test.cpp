// SPDX-License-Identifier: Apache-2.0
#include "deadman/turn.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/result.hpp"
#include "base/test_folder.hpp"
#include "deadman/stamp_looker.hpp"
#include "deadman/time_limit.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;

// Another process has the lock, until it is ended.
class TurnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    other_ = ::fork();
    if (other_ == 0) {
      const StateFile held(file_);
      (void)!::write(ready[1], "x", 1);
      for (;;) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~TurnTest() override { end_the_other(); }
  void end_the_other() {
    if (other_ <= 0) return;
    ::kill(other_, SIGKILL);
    ::waitpid(other_, nullptr, 0);
    other_ = -1;
  }

  TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "deadman" / "state.json";
  pid_t other_ = -1;
};

TEST_F(TurnTest, ComesWhenTheOtherHasEnded) {
  int pauses = 0;
  const auto pause = [&](Duration time) {
    EXPECT_LE(time, 20ms) << "a gap between a busy one's looks is missed";
    if (++pauses == 3) end_the_other();
  };
  EXPECT_NO_THROW((void)take_turn(file_, 30s, pause));
  EXPECT_EQ(pauses, 3);
}

TEST_F(TurnTest, IsNotWaitedForWithoutEnd) {
  Duration paused{};
  try {
    (void)take_turn(file_, 30s, [&](Duration time) { paused += time; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::already_running);
    EXPECT_NE(error.message().find(std::to_string(other_)), std::string::npos);
  }
  EXPECT_EQ(paused, 30s);
}

// One look that its time limit ends while it has the lock, with a look at a stamp that hangs and a
// program that goes on.
TEST(TakeTurn, FindsTheStateFreeOfOneThatWasEndedHoweverThatWas) {
  for (const int signal : {SIGALRM, SIGKILL, SIGTERM}) {
    const TestFolder folder;
    const auto file = folder / "deadman" / "state.json";
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t other = ::fork();
    if (other == 0) {
      const StateFile held(file);
      const pid_t program = ::fork();
      if (program == 0)
        for (;;) ::pause();
      StampLooker looker(1ms, [](const auto&, const auto&) -> Sign {
        for (;;) ::pause();
      });
      (void)looker.look("/away", "");
      (void)!::write(ready[1], &program, sizeof program);
      const TimeLimit limit(signal == SIGALRM ? Duration(1ms) : Duration(1h));
      for (;;) ::pause();
    }
    pid_t program = -1;
    ASSERT_EQ(::read(ready[0], &program, sizeof program), sizeof program);
    ::close(ready[0]);
    ::close(ready[1]);
    if (signal != SIGALRM) ::kill(other, signal);
    int status = 0;
    ASSERT_EQ(::waitpid(other, &status, 0), other);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_NO_THROW((void)take_turn(file, 0s, [](Duration) {})) << "ended by " << signal;
    ::kill(program, SIGKILL);
  }
}

TEST(TakeTurn, ALookAtAStampLetsNobodyElseHaveTheState) {
  const TestFolder folder;
  const auto file = folder / "deadman" / "state.json";
  const StateFile held(file);
  StampLooker looker(1h, [](const auto&, const auto&) { return Sign{}; });
  (void)looker.look("/s", "");
  const pid_t other = ::fork();
  if (other == 0) ::_exit(attempt([&] { return StateFile(file); }).ok() ? 0 : 75);
  int status = 0;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(WEXITSTATUS(status), 75) << "the look's end took the lock away";
}

TEST(WasKeptLately, IsSaidOfWhatWasKeptWithinFiveMinutesAndNotOfTheFuture) {
  const TestFolder folder;
  const auto file = folder / "state.json";
  const WallTime kept(10'000s);
  EXPECT_FALSE(was_kept_lately(file, kept)) << "there is none";
  write_atomically(file, "{}", 0600);
  const timespec times[2] = {{10'000, 0}, {10'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_TRUE(was_kept_lately(file, kept));
  EXPECT_TRUE(was_kept_lately(file, kept + 299s));
  EXPECT_FALSE(was_kept_lately(file, kept + 300s));
  EXPECT_FALSE(was_kept_lately(file, kept - 1h)) << "of a clock that was set back since";
}

TEST_F(TurnTest, NothingElseIsTriedAgain) {
  EXPECT_THROW((void)take_turn("/proc/no/such/state.json", 30s,
                               [](Duration) { FAIL() << "it will not get better"; }),
               Error);
}

}  // namespace
}  // namespace host::deadman
