// SPDX-License-Identifier: Apache-2.0
//
// Rows H1, H2 and W10: the host is killed at random, and at each named point, with work under way.
#include <gmock/gmock.h>
#include <poll.h>

#include <fstream>
#include <random>

#include "base/error.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;

int kills() {
  const char* given = std::getenv("TIMMY_KILLS");
  return given == nullptr ? 200 : std::atoi(given);
}

class KillTest : public FaultBench {
 protected:
  // What a host that was killed now and then is asked for meanwhile.
  void ask_for_work() {
    try {
      enqueue("echo", {{"n", acknowledged_.size()}});
      enqueue("gitea_issue_triage");
      enqueue("echo_call",
              {{"calls", {{{"method", "state/1.put"}, {"params", {{"key", "k"}, {"value", 1}}}}}}});
    } catch (const Error&) {
      // The host is dead already: what it did not acknowledge it may lose.
    }
  }
};

TEST_F(KillTest, H1_RandomKillsLoseNothingAndDoNothingTwice) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < kills(); ++round) {
    start();
    if (HasFatalFailure()) return;
    ask_for_work();
    ::poll(nullptr, 0, static_cast<int>(random() % 30));
    kill();
    if (HasFailure()) return;
  }
  check_invariants();
  start();
  expect_all_completed();
  stop();
  check_invariants();
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE state='running'"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM intents WHERE state='open'"), 0);
}

TEST_F(KillTest, W10_WorkersGoWithAHostThatIsKilled) {
  start();
  const auto id = enqueue("echo_wait", {{"ms", 60'000}});
  ASSERT_TRUE(eventually(
      [&] { return client().get("/v1/jobs/" + std::to_string(id))["state"] == "running"; }));
  ASSERT_FALSE(workers().empty());
  kill();  // expects that no worker is left
  check_invariants();
}

// Each failpoint that a round of work passes.
class KillPointTest : public KillTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(KillPointTest, H2_KilledThereTheNextHostGoesOnAndNothingIsLost) {
  const std::string point = GetParam();
  const auto reached = folder_ / "reached";
  if (point.starts_with("schedule."))
    write_config(
        {{"defaults", {{"plugins", {{"echo", {{"schedule", {{"echo", "every: 1s"}}}}}}}}}});
  start({{"TIMMY_FAILPOINT", point + "=kill"}, {"TIMMY_FAILPOINT_LOG", reached.string()}}, false);
  (void)host().wait_ready();
  ask_for_work();
  const auto exit = host().wait(std::chrono::seconds(20));
  EXPECT_TRUE(exit.signalled) << "the host did not die at " << point;
  host_.reset();
  std::ifstream names(reached);
  const std::string all((std::istreambuf_iterator<char>(names)), {});
  EXPECT_THAT(all, HasSubstr(point)) << "never reached";
  check_invariants();

  start();
  ask_for_work();
  expect_all_completed();
  stop();
  check_invariants();
  EXPECT_EQ(count("SELECT count(*) FROM intents WHERE state='open'"), 0);
}

std::string test_name(const ::testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  for (char& c : name)
    if (c == '.') c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Points, KillPointTest,
                         ::testing::Values("store.migrated", "store.before_commit",
                                           "store.committed", "queue.before_insert",
                                           "queue.after_insert", "queue.before_claim",
                                           "queue.after_claim", "queue.before_finish",
                                           "workers.before_submit", "workers.after_outcome",
                                           "services.before_send", "services.after_send",
                                           "schedule.before_tick", "schedule.after_tick"),
                         test_name);

}  // namespace
}  // namespace host::faults
