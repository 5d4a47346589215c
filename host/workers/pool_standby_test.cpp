// SPDX-License-Identifier: Apache-2.0
//
// The process that stands by for runs that want one of their own.
#include <signal.h>
#include <sys/wait.h>

#include "workers/pool_fixture.hpp"

namespace host {
namespace {

class PoolStandby : public PoolTest {
 protected:
  PoolStandby() { spec->fresh = true; }

  // The pid of the process that stands by once it does.
  int standby() {
    EXPECT_TRUE(run_until([&] { return pool().stats().standby != 0; }));
    return pool().stats().standby;
  }
  static bool lives(int pid) { return ::kill(pid, 0) == 0; }
};

TEST_F(PoolStandby, OneStandsByForTheNextRunThatWantsAProcessOfItsOwn) {
  const int first = pid_of_next_run();
  const int next = standby();
  EXPECT_NE(next, first);
  EXPECT_EQ(pid_of_next_run(), next);
  EXPECT_NE(standby(), next);
}

TEST_F(PoolStandby, ItIsNoWorkerUntilARunHasIt) {
  (void)pid_of_next_run();
  (void)standby();
  ASSERT_TRUE(run_until([&] { return pool().stats().workers.empty(); }));
  EXPECT_EQ(pool().stats().started, 1U);
}

TEST_F(PoolStandby, AnyPluginTakesIt) {
  (void)pid_of_next_run();
  const int next = standby();
  spec = make_spec({{"another", "config"}});
  spec->plugin_id = "other";
  EXPECT_EQ(pid_of_next_run(), next);
}

TEST_F(PoolStandby, NoneStandsByWhereRunsShareTheirWorkers) {
  spec->fresh = false;
  (void)pid_of_next_run();
  (void)pid_of_next_run();
  EXPECT_EQ(pool().stats().standby, 0);
}

TEST_F(PoolStandby, OneThatDiedIsReplacedAndNoRunPaysForIt) {
  (void)pid_of_next_run();
  const int next = standby();
  ASSERT_GT(next, 0);
  ASSERT_EQ(::kill(next, SIGKILL), 0);
  siginfo_t gone{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(next), &gone, WEXITED | WNOWAIT), 0);
  EXPECT_NE(pid_of_next_run(), next);
  EXPECT_EQ(pool().stats().crashed, 0U);
}

TEST_F(PoolStandby, OneThatNobodyTakesEndsWhenAWorkerWould) {
  settings.idle = std::chrono::milliseconds(30);
  (void)pid_of_next_run();
  const int next = standby();
  ASSERT_TRUE(run_until([&] { return pool().stats().standby == 0; }));
  EXPECT_FALSE(lives(next));
}

TEST_F(PoolStandby, ItEndsWithThePool) {
  (void)pid_of_next_run();
  const int closed = standby();
  bool done = false;
  pool().close([&] { done = true; });
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_FALSE(lives(closed));

  drop_pool();
  (void)pid_of_next_run();
  const int dropped = standby();
  drop_pool();
  EXPECT_FALSE(lives(dropped));
}

TEST_F(PoolStandby, NoneIsStartedOnceThePoolEnds) {
  const auto run = submit("pid");
  ASSERT_TRUE(begun(run));
  pool().interrupt_all();
  (void)outcome(run);
  ASSERT_TRUE(run_until([&] { return pool().stats().workers.empty(); }));
  EXPECT_EQ(pool().stats().standby, 0);
}

}  // namespace
}  // namespace host
