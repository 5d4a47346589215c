// SPDX-License-Identifier: Apache-2.0
//
// Rows H1, H2 and W10: the host is killed at random, and at each named point, with work under way.
#include <gmock/gmock.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <future>
#include <random>

#include "base/error.hpp"
#include "faults/fault_bench.hpp"
#include "forge/sample.hpp"

namespace host::faults {
namespace {

using ::testing::Contains;
using ::testing::UnorderedElementsAreArray;

int kills() {
  const char* given = std::getenv("TIMMY_KILLS");
  return given == nullptr ? 200 : std::atoi(given);
}

constexpr int kBacklog = 200;
constexpr int kFewRounds = 3;  // of triage, waiting
constexpr int kFewIssues = 8;

using Micros = std::chrono::microseconds;

class KillTest : public FaultBench {
 protected:
  // What a host that may be killed meanwhile is asked for; false once it no longer answers. What it
  // did not acknowledge it may lose.
  bool ask_for_work() {
    try {
      fill_backlog();
      enqueue("echo", {{"n", acknowledged_.size()}});
      if (waiting("gitea_issue_triage") < kFewRounds) enqueue("gitea_issue_triage");
      enqueue("echo_call",
              {{"calls", {{{"method", "state/1.put"}, {"params", {{"key", "k"}, {"value", 1}}}}}}});
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  [[nodiscard]] std::int64_t waiting(const std::string& task) const {
    return count("SELECT count(*) FROM jobs WHERE state='available' AND task='" + task + "'");
  }

  // So many jobs wait that each life ends with some of them running and most of them waiting.
  void fill_backlog() {
    if (waiting("echo_wait") >= kBacklog) return;
    Json jobs = Json::array();
    for (int i = 0; i < kBacklog; ++i)
      jobs.push_back({{"task", "echo_wait"}, {"payload", {{"ms", 1}}}});
    const Json made = client().post("/v1/jobs/batch", {{"jobs", std::move(jobs)}});
    const auto first = made.at("first_id").get<std::int64_t>();
    for (int i = 0; i < kBacklog; ++i) acknowledged_.insert(first + i);
  }

  // An issue that triage has a label for, so that each life of a host has something to write. Of
  // those that have theirs the last few stay open, so that a run that is repeated could label them
  // again; few are open in all: a round reads all of them, and most hosts don't live for long.
  void open_an_issue() {
    forge_.with([](forge::Forge& forge) {
      auto& repo = *forge.state.repo(forge::kSampleRepo);
      int labelled = 0;
      int open = 0;
      for (auto issue = repo.issues.rbegin(); issue != repo.issues.rend(); ++issue) {
        auto& it = issue->second;
        if (it.labels.empty())
          open += it.closed ? 0 : 1;
        else if (++labelled > kFewIssues)
          it.closed = true;
      }
      if (open < kFewIssues) forge.state.add_issue(repo, "ada", "It crashes again");
    });
  }
  std::size_t forge_writes() {
    std::size_t made = 0;
    forge_.with([&](forge::Forge&) { made = forge_.additions().size(); });
    return made;
  }
  void expect_every_issue_labelled() {
    EXPECT_EQ(wait_for(enqueue("gitea_issue_triage", {{"full", true}}))["state"], "completed");
    forge_.with([](forge::Forge& forge) {
      for (const auto& [number, issue] : forge.state.repo(forge::kSampleRepo)->issues) {
        if (issue.title != "It crashes again") continue;
        EXPECT_EQ(issue.labels.size(), 1u) << "issue " << number;
      }
    });
  }

  // How long a host takes, here and now, from its start to the end of a round that had something to
  // write.
  Micros time_to_write() {
    open_an_issue();
    const auto begin = std::chrono::steady_clock::now();
    start();
    EXPECT_EQ(wait_for(enqueue("gitea_issue_triage"))["state"], "completed");
    const auto written = std::chrono::steady_clock::now() - begin;
    stop();
    return std::chrono::duration_cast<Micros>(written);
  }

  // One life of a host that ends by SIGKILL `after` its start, whatever it is at by then: starting,
  // recovering, taking in jobs, running them. True if it lived to be ready.
  bool live_for(Micros after) {
    start({}, false);
    const auto killer = std::async(std::launch::async, [this, after] {
      // Not a wait for something: the moment is what is tried.
      ::poll(nullptr, 0, static_cast<int>(after / std::chrono::milliseconds(1)));
      host().kill();
    });
    const bool ready = host().wait_ready();
    for (int i = 0; ready && i < 2 && ask_for_work();) ++i;
    killer.wait();
    kill();
    return ready;
  }
};

TEST_F(KillTest, H1_RandomKillsLoseNothingAndDoNothingTwice) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  write_config({{"defaults", {{"plugins", {{"echo", {{"schedule", {{"echo", "every: 1s"}}}}}}}}}});
  std::uniform_int_distribution<std::int64_t> lives(0, 2 * time_to_write().count());
  int became_ready = 0;
  for (int round = 1; round <= kills(); ++round) {
    open_an_issue();
    became_ready += live_for(Micros(lives(random)));
    check_jobs();
    if (round % 20 == 0) check_invariants();
    if (HasFailure()) FAIL() << "after kill " << round;
  }
  if (kills() >= 100) {
    EXPECT_GT(became_ready, kills() / 10) << "too few lives reached their work";
    EXPECT_LT(became_ready, kills()) << "no host was killed while it started";
    RecordProperty("ready", became_ready);
  }
  // By those who were killed, or little was at stake: about 190 in 200 lives, on a busy machine too.
  RecordProperty("forge_writes", static_cast<int>(forge_writes()));
  EXPECT_GT(forge_writes(), static_cast<std::size_t>(kills() / 4));
  start();
  expect_all_completed();
  expect_every_issue_labelled();
  stop();
  check_invariants();
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
constexpr std::array kPoints{
    "store.migrated",       "store.before_commit",   "store.committed",
    "queue.before_insert",  "queue.after_insert",    "queue.before_claim",
    "queue.after_claim",    "queue.before_finish",   "workers.before_spawn",
    "workers.spawned",      "workers.before_submit", "workers.after_outcome",
    "workers.finished",     "services.before_send",  "services.after_send",
    "schedule.before_tick", "schedule.after_tick"};

// Those that a host passes before it is ready too, at a time when its jobs run.
constexpr std::array kLaterPoints{"store.before_commit:20", "store.committed:20"};

class PointTest : public KillTest {
 protected:
  PointTest() {
    write_config(
        {{"defaults", {{"plugins", {{"echo", {{"schedule", {{"echo", "every: 1s"}}}}}}}}}});
  }
  [[nodiscard]] std::set<std::string> reached() const {
    std::ifstream file(folder_ / "reached");
    std::set<std::string> names;
    for (std::string name; std::getline(file, name);) names.insert(name);
    return names;
  }
};

class KillPointTest : public PointTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(KillPointTest, H2_KilledThereTheNextHostGoesOnAndNothingIsLost) {
  const std::string point = GetParam();
  const bool later = point.find(':') != std::string::npos;
  open_an_issue();
  start({{"TIMMY_FAILPOINT", point + "=kill"}, {"TIMMY_FAILPOINT_LOG", folder_ / "reached"}},
        false);
  const bool ready = host().wait_ready();
  EXPECT_TRUE(ready || !later) << "it died at its start";
  (void)ask_for_work();
  const auto exit = host().wait();
  EXPECT_TRUE(exit.signalled) << "the host did not die at " << point;
  host_.reset();
  EXPECT_THAT(reached(), Contains(point.substr(0, point.find(':'))));
  check_invariants();
  if (later) {
    EXPECT_GT(count("SELECT count(*) FROM jobs WHERE state='running'"), 0) << "nothing ran by then";
  }

  start();
  EXPECT_TRUE(ask_for_work());
  expect_all_completed();
  expect_every_issue_labelled();
  stop();
  check_invariants();
  EXPECT_EQ(count("SELECT count(*) FROM intents WHERE state='open'"), 0);
}

// A point that nobody kills at would be tested by nothing.
TEST_F(PointTest, H2_EveryPointOfARoundIsInTheList) {
  start({{"TIMMY_FAILPOINT_LOG", folder_ / "reached"}});
  EXPECT_TRUE(ask_for_work());
  expect_all_completed();
  EXPECT_TRUE(eventually([&] { return reached().contains("schedule.after_tick"); }));
  stop();
  EXPECT_THAT(reached(), UnorderedElementsAreArray(kPoints));
}

std::string test_name(const ::testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == ':'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Points, KillPointTest, ::testing::ValuesIn(kPoints), test_name);
INSTANTIATE_TEST_SUITE_P(LaterPoints, KillPointTest, ::testing::ValuesIn(kLaterPoints), test_name);

}  // namespace
}  // namespace host::faults
