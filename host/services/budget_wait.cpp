// SPDX-License-Identifier: Apache-2.0
#include "services/budget_wait.hpp"

#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "queue/job_table.hpp"
#include "queue/queue.hpp"

namespace host {
namespace {

constexpr int kStep = 200;  // jobs in one transaction
constexpr int kOld = 4;     // notes of the past that one new note takes along

struct Waiting {
  std::int64_t id = 0;
  RunId run;
};

std::int64_t newest(Unit& unit) {
  auto& row = unit.query("SELECT max(id) FROM budget_waits");
  const auto id = row.step() ? row.integer(0) : 0;
  row.reset();
  return id;
}

std::vector<Waiting> waiting(Unit& unit, const std::string& budget, std::int64_t after,
                             std::int64_t last) {
  std::vector<Waiting> found;
  auto& row = unit.query(
      "SELECT id, job, lease FROM budget_waits WHERE id > ? AND id <= ? AND budget <> ? "
      "ORDER BY id LIMIT ?",
      after, last, budget, kStep);
  while (row.step())
    found.push_back({row.integer(0), {JobId(row.integer(1)), RunLease(row.integer(2))}});
  return found;
}

// Unless it has run since, or somebody has given it another order.
void end_wait(Unit& unit, const Waiting& waiting, WallTime now, std::set<std::string>& tasks) {
  unit.run("DELETE FROM budget_waits WHERE id=?", waiting.id);
  const auto job = find_job(unit, waiting.run.job);
  if (!job || job->state != JobState::scheduled || job->lease != waiting.run.lease || !job->due)
    return;
  run_job_now(unit, job->id, now);
  tasks.insert(job->task);
}

}  // namespace

void note_refusal(RunContext& run, const Ledger& ledger, const Error& error) {
  if (error.code() != Code::rate_limited) return;
  run.budget_renews = ledger.next_reset() + ledger.clock_shift();
  run.refusing_budget = ledger.budget_mark();
}

void note_budget_wait(Unit& unit, RunId run, const std::string& budget, WallTime until,
                      WallTime now) {
  unit.run(
      "DELETE FROM budget_waits WHERE until <= ? AND id IN "
      "(SELECT id FROM budget_waits ORDER BY id LIMIT ?)",
      now, kOld);
  unit.run("INSERT INTO budget_waits(job, lease, until, budget) VALUES(?, ?, ?, ?)", run.job,
           run.lease, until, budget);
}

// How far an end of waits has come.
struct BudgetWaits::Ending {
  std::string except;
  std::int64_t after = 0;
  std::int64_t last = 0;                // what waits since is not meant
  std::optional<std::int64_t> reached;  // by the last step, if there are more

  std::set<std::string> step(Unit& unit, WallTime now) {
    if (last == 0) last = newest(unit);
    std::set<std::string> tasks;
    const auto found = waiting(unit, except, after, last);
    for (const auto& each : found) end_wait(unit, each, now, tasks);
    reached.reset();
    if (std::ssize(found) == kStep) reached = found.back().id;
    return tasks;
  }
};

void BudgetWaits::end_all_but(std::string budget) {
  end_next(std::make_shared<Ending>(Ending{.except = std::move(budget)}));
}

void BudgetWaits::end_next(const std::shared_ptr<Ending>& ending) {
  queue_.make_available(
      [ending](Unit& unit, WallTime now) { return ending->step(unit, now); },
      [this, ending](const Status& done) {
        if (!done.ok())
          log_.warn("jobs that wait for their budget wait on, though it has changed: {}",
                    done.error().what());
        if (!done.ok() || !ending->reached) return;
        ending->after = *ending->reached;
        end_next(ending);
      });
}

}  // namespace host
