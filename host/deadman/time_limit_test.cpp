// SPDX-License-Identifier: Apache-2.0
#include "deadman/time_limit.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace host::deadman {
namespace {

using namespace std::chrono_literals;

TEST(TimeLimit, EndsAProcessThatHangs) {
  const pid_t child = ::fork();
  if (child == 0) {
    // As a parent may have left it.
    ::signal(SIGALRM, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    const TimeLimit limit(10ms);
    ::poll(nullptr, 0, 60'000);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGALRM);
}

TEST(TimeLimit, LeavesNothingBehind) {
  itimerval left{};
  {
    const TimeLimit limit(1h);
    ASSERT_EQ(::getitimer(ITIMER_REAL, &left), 0);
    EXPECT_GT(left.it_value.tv_sec, 0);
  }
  ASSERT_EQ(::getitimer(ITIMER_REAL, &left), 0);
  EXPECT_EQ(left.it_value.tv_sec, 0);
  EXPECT_EQ(left.it_value.tv_usec, 0);
}

}  // namespace
}  // namespace host::deadman
