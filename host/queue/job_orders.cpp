// SPDX-License-Identifier: Apache-2.0
//
// What operators order for jobs, one or many.
#include <fmt/format.h>

#include "queue/job_rules.hpp"
#include "queue/job_table.hpp"
#include "queue/key_turns.hpp"

namespace host {
namespace {

bool waits(JobState state) {
  return state == JobState::scheduled || state == JobState::available ||
         state == JobState::retryable;
}

Error wrong_state(const Job& job, std::string_view wanted, std::string_view next_step) {
  return {Code::conflict,
          fmt::format("job {} is {}{}, {}", job.id.value(), name(job.state),
                      job.held.empty() ? "" : " and held", wanted),
          std::string(next_step)};
}

void give_turns_of(Unit& unit, const Job& job) {
  if (!job.concurrency_key.empty()) give_turns(unit, job.task, job.concurrency_key);
}

bool matches(const Job& job, const JobFilter& filter) {
  return (!filter.state || job.state == *filter.state) &&
         (filter.task.empty() || job.task == filter.task) && (!filter.held || !job.held.empty());
}

// One of a bulk. False: it is gone, or no longer what was meant, or its state does not fit.
bool order(Unit& unit, BulkAction action, const JobFilter& filter, JobId id, WallTime now,
           BulkStep& step) {
  const auto found = find_job(unit, id);
  if (!found || !matches(*found, filter)) return false;
  const Job& job = *found;
  switch (action) {
    case BulkAction::cancel: {
      if (!waits(job.state) && job.state != JobState::running) return false;
      const auto cancelled = cancel_job(unit, id, now);
      if (cancelled.running) step.running.push_back(*cancelled.running);
      break;
    }
    case BulkAction::retry:
      if (job.state == JobState::running) return false;
      retry_job(unit, id, now);
      break;
    case BulkAction::discard:
      if (!waits(job.state)) return false;
      discard_job(unit, id, now);
      break;
    case BulkAction::run_now:
      if (!job.due) return false;
      run_job_now(unit, id, now);
      break;
  }
  step.ready.insert(job.task);
  return true;
}

}  // namespace

Cancelled cancel_job(Unit& unit, JobId id, WallTime now) {
  const Job before = read_job(unit, id).job;
  if (before.state == JobState::running) {
    unit.run("UPDATE jobs SET cancel_requested_at=coalesce(cancel_requested_at, ?) WHERE id=?", now,
             id);
    return {.state = JobState::running, .running = RunId{id, before.lease}};
  }
  if (!waits(before.state)) return {.state = before.state, .running = {}};
  unit.run("UPDATE jobs SET state='cancelled', ended_at=?, held=NULL WHERE id=?", now, id);
  give_turns_of(unit, before);
  return {};
}

Job retry_job(Unit& unit, JobId id, WallTime now) {
  const Job before = read_job(unit, id).job;
  if (before.state == JobState::running)
    throw wrong_state(before, "which nothing can be added to",
                      "Wait for its end, or cancel it first.");
  unit.run(
      "INSERT INTO attempts SELECT * FROM history WHERE job=?1 AND lease=?2 "
      "ON CONFLICT DO NOTHING",
      id, before.lease);
  unit.run(
      "UPDATE jobs SET state='available', due=?, rank=?, attempt=0, crashes=0, interrupted=0, "
      "held=NULL, ended_at=NULL, cancel_requested_at=NULL, result=NULL, cpu=NULL, max_rss=NULL, "
      "output=NULL, "
      "waits_turn = concurrency_key IS NOT NULL, " KEEP_UNIQUE_KEY " WHERE id=?",
      now, rank_of(now, before.priority), id);
  give_turns_of(unit, before);
  return read_job(unit, id).job;
}

Job discard_job(Unit& unit, JobId id, WallTime now) {
  const Job before = read_job(unit, id).job;
  if (!waits(before.state))
    throw wrong_state(before, "only one that waits can be discarded",
                      "Cancel a running job; an ended one goes by itself after its retention.");
  unit.run("UPDATE jobs SET state='discarded', ended_at=?, held=NULL WHERE id=?", now, id);
  give_turns_of(unit, before);
  return read_job(unit, id).job;
}

Job run_job_now(Unit& unit, JobId id, WallTime now) {
  const Job before = read_job(unit, id).job;
  if (!before.due)
    throw wrong_state(before, "only one that is scheduled or retryable can be brought forward",
                      "Use jobs retry to run an ended or held job again.");
  unit.run(
      "UPDATE jobs SET state='available', due=?, rank=?, "
      "waits_turn = concurrency_key IS NOT NULL WHERE id=?",
      now, rank_of(now, before.priority), id);
  give_turns_of(unit, before);
  return read_job(unit, id).job;
}

bool hasten_job(Unit& unit, JobId id, WallTime now) {
  const auto found = find_job(unit, id);
  if (!found || !found->due) return false;
  if (found->state == JobState::retryable)
    unit.run("UPDATE jobs SET max_attempts=max_attempts+1 WHERE id=?", id);
  run_job_now(unit, id, now);
  return true;
}

BulkStep order_jobs(Unit& unit, BulkAction action, const JobFilter& filter,
                    std::span<const JobId> jobs, WallTime now) {
  BulkStep step;
  for (const auto id : jobs)
    ++(order(unit, action, filter, id, now, step) ? step.changed : step.skipped);
  return step;
}

}  // namespace host
