// SPDX-License-Identifier: Apache-2.0
#include "services/budget_wait.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "queue/job_table.hpp"
#include "queue/queue.hpp"
#include "tokens/kept_settings.hpp"

namespace host {
namespace {

constexpr int kStep = 200;  // notes looked at in one transaction
constexpr int kOld = 4;     // notes of the past that one new note takes along
constexpr Duration kLookAgain = std::chrono::seconds(1);

struct Note {
  std::int64_t id = 0;
  RunId run;
  WallTime until;  // as the queue's clock goes
  std::int64_t generation = 0;
};

// All of them, whatever their generation, so that a step costs the same however few it ends.
std::vector<Note> notes_after(Unit& unit, std::int64_t after) {
  std::vector<Note> found;
  auto& row = unit.query(
      "SELECT id, job, lease, until, generation FROM budget_waits WHERE id > ? ORDER BY id LIMIT ?",
      after, kStep);
  while (row.step())
    found.push_back({row.integer(0),
                     {JobId(row.integer(1)), RunLease(row.integer(2))},
                     row.time(3),
                     row.integer(4)});
  return found;
}

void insert_note(Unit& unit, const Note& note, WallTime now) {
  unit.run(
      "DELETE FROM budget_waits WHERE id IN "
      "(SELECT id FROM budget_waits WHERE until <= ? ORDER BY until LIMIT ?)",
      now, kOld);
  unit.run("INSERT INTO budget_waits(job, lease, until, generation) VALUES(?, ?, ?, ?)",
           note.run.job, note.run.lease, note.until, note.generation);
}

// Unless it has run since, or somebody has given it another order, or what it still waits for is
// not the cap.
void end_wait(Unit& unit, const Note& note, WallTime now, std::set<std::string>& tasks) {
  unit.run("DELETE FROM budget_waits WHERE id=?", note.id);
  if (note.until <= now) return;
  const auto job = find_job(unit, note.run.job);
  if (!job || job->state != JobState::scheduled || job->lease != note.run.lease || !job->due)
    return;
  run_job_now(unit, job->id, now);
  tasks.insert(job->task);
}

}  // namespace

BudgetMoment moment_of(const Ledger& ledger) {
  return {ledger.budget_generation(), ledger.next_reset() + ledger.clock_shift()};
}

void note_refusal(RunContext& run, const BudgetMoment& asked, const Error& error) {
  if (error.code() == Code::rate_limited) run.refused = asked;
  if (error.code() == Code::busy) run.tokens_held = true;
}

std::function<void(Unit&)> BudgetWaits::noting(RunId run, std::int64_t generation, Duration wait) {
  const auto now = queue_.now();
  return [this, alive = std::weak_ptr(alive_), &loop = loop_, now,
          note = Note{0, run, now + wait, generation}](Unit& unit) {
    insert_note(unit, note, now);
    // The look that followed the change may have been before this note. The one that is asked for
    // here comes after it, once it is committed.
    if (note.generation < read_budget_generation(unit))
      loop.post([this, alive] {
        if (!alive.expired()) end_outdated();
      });
  };
}

// What one transaction has done.
struct BudgetWaits::Step {
  std::set<std::string> tasks;          // of jobs that are available now
  std::optional<std::int64_t> reached;  // if there are more

  void take(Unit& unit, std::int64_t after, WallTime now) {
    *this = {};
    const auto generation = read_budget_generation(unit);
    const auto notes = notes_after(unit, after);
    for (const auto& note : notes)
      if (note.generation < generation) end_wait(unit, note, now, tasks);
    if (std::ssize(notes) == kStep) reached = notes.back().id;
  }
};

void BudgetWaits::end_outdated() {
  once_more_ = looking_;
  if (!looking_) look(0);
}

void BudgetWaits::look(std::int64_t after) {
  looking_ = true;
  const auto step = std::make_shared<Step>();
  queue_.make_available(
      [step, after](Unit& unit, WallTime now) {
        step->take(unit, after, now);
        return step->tasks;
      },
      [this, step, after](const Status& done) { looked(after, *step, done); });
}

void BudgetWaits::looked(std::int64_t after, const Step& step, const Status& done) {
  if (!done.ok()) {
    log_.debug("jobs whose budget has changed can't be made available, it is tried again: {}",
               done.error().what());
    again_ = loop_.after(kLookAgain, [this, after] { look(after); });
    return;
  }
  if (step.reached) return look(*step.reached);
  looking_ = false;
  if (std::exchange(once_more_, false)) look(0);
}

}  // namespace host
