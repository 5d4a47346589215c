// SPDX-License-Identifier: Apache-2.0
//
// Row Q1: what is done at each step of a job, and at each look at the queue, costs no more with
// 100,000 jobs in every state than with 15,000. Counted in instructions of SQLite's machine and
// rows that it sorted, over all the statements that the functions really run.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <functional>
#include <map>

#include "queue/job_table.hpp"
#include "queue/pruning.hpp"
#include "store/migrations.hpp"

namespace host {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const WallTime kNow{std::chrono::sys_days{std::chrono::January / 5 / 2026}};

// More jobs than any cap counts or any list looks at, and so whoever goes on to the end shows.
constexpr int kSmall = 15'000;
constexpr int kLarge = 100'000;

class Backlog {
 public:
  // `size` jobs of the task "flood" in each of the states where many can be, mixed by id; before
  // them, and so past what a list from the newest on would see, one of "rare" in each state. Two of
  // the flood's lines are long: those that have their turn, and those that wait for one key's.
  explicit Backlog(int size) {
    migrate(connection_);
    unit_.run(kFill, "rare", kNow, 1);
    unit_.run(kFill, "flood", kNow, size);
  }

  // Instructions and sorted rows of what `work` runs.
  std::int64_t cost(const std::function<void(Unit&)>& work) {
    connection_.execute("BEGIN");
    const auto before = spent();
    work(unit_);
    unit_.end_operation();
    const auto after = spent();
    connection_.execute("ROLLBACK");
    return after - before;
  }

  // A run with the key that a long line waits for.
  [[nodiscard]] RunId running() { return {newest(), RunLease(1)}; }

 private:
  // Of those that wait for a time the retries are all due, the delayed ones all later.
  static constexpr const char* kFill = R"sql(
    WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i+1 FROM n WHERE i+1 < ?3),
    s(state, shift, key, waits) AS (VALUES
      ('scheduled', 3600, NULL, 0), ('retryable', -9000, NULL, 0), ('available', -9000, NULL, 0),
      ('completed', -9000, NULL, 0), ('cancelled', -9000, NULL, 0), ('discarded', -9000, NULL, 0),
      ('available', -9000, 'key', 1), ('running', -9000, 'key', 0)),
    r AS (SELECT *, ?2 + (shift + i % 1000) * 1000000 AS due, i % 10 AS priority
          FROM n CROSS JOIN s WHERE state <> 'running' OR i+1 = ?3)
    INSERT INTO jobs(task, state, due, priority, rank, concurrency_key, waits_turn, max_attempts,
                     run_lease, instance, inserted_at, attempted_at, ended_at, source, payload)
    SELECT ?1, state, due, priority, due + priority * 600000000, key, waits, 5, 1, 1, due, due, due,
           'cli', x'7b7d' FROM r)sql";

  JobId newest() {
    auto& row = unit_.query("SELECT max(id) FROM jobs");
    row.step();
    const JobId id(row.integer(0));
    row.reset();
    return id;
  }

  std::int64_t spent() {
    std::int64_t sum = 0;
    for (auto* at = sqlite3_next_stmt(connection_.handle(), nullptr); at != nullptr;
         at = sqlite3_next_stmt(connection_.handle(), at))
      for (const int figure : {SQLITE_STMTSTATUS_VM_STEP, SQLITE_STMTSTATUS_FULLSCAN_STEP})
        sum += sqlite3_stmt_status(at, figure, 0);
    return sum;
  }

  Connection connection_{{}, Connection::Mode::memory};
  Unit unit_{connection_};
};

std::map<std::string, std::int64_t> costs(int size) {
  Backlog backlog(size);
  std::map<std::string, std::int64_t> cost;
  const auto measure = [&](const std::string& what, const std::function<void(Unit&)>& work) {
    cost.emplace(what, backlog.cost(work));
  };
  measure("insert", [](Unit& unit) {
    (void)insert_job(
        unit,
        {.task = "flood", .unique_key = "u", .unique_window = seconds(1), .concurrency_key = "key"},
        kNow);
  });
  measure("claim",
          [](Unit& unit) { EXPECT_EQ(claim_jobs(unit, "flood", 100, 1, kNow).jobs.size(), 100u); });
  measure("claim of the few",
          [](Unit& unit) { EXPECT_EQ(claim_jobs(unit, "rare", 100, 1, kNow).jobs.size(), 1u); });
  measure("complete, and the next of its key", [&](Unit& unit) {
    EXPECT_TRUE(finish_run(unit, backlog.running(), {.kind = Verdict::Kind::completed}, {}, kNow, 0)
                    ->turn_given);
  });
  measure("fail",
          [&](Unit& unit) { EXPECT_TRUE(finish_run(unit, backlog.running(), {}, {}, kNow, 0)); });
  measure("give back", [&](Unit& unit) { EXPECT_TRUE(give_back(unit, backlog.running(), kNow)); });
  measure("promote", [](Unit& unit) { EXPECT_EQ(promote_due(unit, kNow, 1000).tasks.size(), 2u); });
  measure("promote nothing",
          [](Unit& unit) { EXPECT_EQ(promote_due(unit, kNow - hours(9), 1000).tasks.size(), 0u); });
  measure("recover", [](Unit& unit) { EXPECT_EQ(recover_runs(unit, 2, kNow).interrupted, 2); });
  measure("counts", [](Unit& unit) {
    const auto counts = count_jobs(unit);
    EXPECT_EQ(counts.ready.size(), 2u);
    EXPECT_TRUE(counts.ready.at(0).capped);
    EXPECT_TRUE(counts.states.at(0).capped);
  });
  measure("last ends", [](Unit& unit) { EXPECT_EQ(last_ends(unit).size(), 1u); });
  measure("list", [](Unit& unit) { EXPECT_EQ(list_jobs(unit, {}, {}).jobs.size(), 50u); });
  measure("list of the few", [](Unit& unit) {
    EXPECT_TRUE(list_jobs(unit, {.state = {}, .task = "rare"}, {}).next) << "it looked at all";
  });
  measure("list of a task that is not there",
          [](Unit& unit) { EXPECT_TRUE(list_jobs(unit, {.state = {}, .task = "none"}, {}).next); });
  measure("list of what is held",
          [](Unit& unit) { EXPECT_EQ(list_jobs(unit, {.held = true}, {}).jobs.size(), 0u); });
  for (const auto state :
       {JobState::scheduled, JobState::available, JobState::running, JobState::retryable,
        JobState::completed, JobState::cancelled, JobState::discarded}) {
    const std::string as(name(state));
    measure("list of " + as,
            [&](Unit& unit) { EXPECT_FALSE(list_jobs(unit, {.state = state}, {}).jobs.empty()); });
    measure("list of the few that are " + as, [&](Unit& unit) {
      const auto list = list_jobs(unit, {.state = state, .task = "rare"}, {});
      EXPECT_TRUE(list.next || !list.jobs.empty());
    });
    measure("count of " + as,
            [&](Unit& unit) { EXPECT_GE(count_matching(unit, {.state = state}, 1000), 2); });
    if (state < JobState::completed) continue;
    measure("prune " + as,
            [&](Unit& unit) { EXPECT_EQ(prune_jobs(unit, state, kNow, 0, 500).removed, 500); });
  }
  measure("cancel", [](Unit& unit) { (void)cancel_job(unit, JobId(2), kNow); });
  measure("retry", [](Unit& unit) { (void)retry_job(unit, JobId(4), kNow); });
  return cost;
}

TEST(JobCostTest, Q1_nothing_costs_more_for_the_jobs_that_wait) {
  const auto small = costs(kSmall);
  const auto large = costs(kLarge);
  for (const auto& [what, cost] : small) {
    EXPECT_GT(cost, 0) << what;
    EXPECT_LE(large.at(what), cost + cost / 10 + 20) << what;
  }
  // What the host asks for at every look, and hands to the store's thread between two commits.
  EXPECT_LT(large.at("counts"), 1'000'000);
  EXPECT_LT(large.at("claim"), 20'000);
}

}  // namespace
}  // namespace host
