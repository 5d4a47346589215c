// SPDX-License-Identifier: Apache-2.0
//
// How runs end: by a verdict, by being given back, by the death of their host.
#include <fmt/format.h>

#include "base/failpoint.hpp"
#include "queue/job_rules.hpp"
#include "queue/job_table.hpp"
#include "queue/key_turns.hpp"
#include "store/event.hpp"

namespace host {
namespace {

// The job under a run, read before it ends.
struct RunningJob {
  RunId run;
  std::string task;
  int priority = 0;
  int attempt = 0;
  int max_attempts = 0;
  int crashes = 0;
  int interrupted = 0;
  WallTime began;
  WallTime rank;
  bool cancel_requested = false;
  std::string concurrency_key;
};

#define RUNNING_COLUMNS                                                                        \
  "id, run_lease, task, priority, attempt, max_attempts, crashes, interrupted, attempted_at, " \
  "rank, cancel_requested_at, concurrency_key"

RunningJob read_running(const Statement& row) {
  return {.run = {JobId(row.integer(0)), RunLease(row.integer(1))},
          .task = row.string(2),
          .priority = static_cast<int>(row.integer(3)),
          .attempt = static_cast<int>(row.integer(4)),
          .max_attempts = static_cast<int>(row.integer(5)),
          .crashes = static_cast<int>(row.integer(6)),
          .interrupted = static_cast<int>(row.integer(7)),
          .began = row.time(8),
          .rank = row.time(9),
          .cancel_requested = !row.is_null(10),
          .concurrency_key = row.string(11)};
}

// Where a run's end takes its job.
struct Transition {
  JobState state = JobState::completed;
  std::optional<WallTime> due;  // scheduled and retryable; none: held
  WallTime rank;
  int attempt = 0;
  int crashes = 0;
  int interrupted = 0;
  std::string held;
  bool poison = false;
};

void interrupt(Transition& to) {
  to.state = JobState::available;
  --to.attempt;
  if (++to.interrupted > kInterruptLimit) {
    to.state = JobState::scheduled;
    to.held = fmt::format(
        "interrupted {} times by the end of its host or its worker; look for what it does to it",
        to.interrupted);
  }
}

void fail(const RunningJob& job, const Verdict& verdict, const RetryPolicy& policy, WallTime now,
          double random, Transition& to) {
  to.poison = to.crashes >= kCrashLimit;
  if (verdict.permanent || to.poison || job.attempt >= job.max_attempts) {
    to.state = JobState::discarded;
    return;
  }
  to.state = JobState::retryable;
  to.due = now + verdict.delay.value_or(retry_delay(policy, job.attempt, random));
  to.rank = rank_of(*to.due, job.priority);
}

Transition transition_of(const RunningJob& job, const Verdict& verdict, const RetryPolicy& policy,
                         WallTime now, double random) {
  using Kind = Verdict::Kind;
  Transition to{.rank = job.rank,
                .attempt = job.attempt,
                .crashes = job.crashes + (verdict.kind == Kind::crashed ? 1 : 0),
                .interrupted = job.interrupted};
  if (verdict.kind == Kind::completed) return to;
  if (verdict.kind == Kind::cancelled || job.cancel_requested) {
    to.state = JobState::cancelled;
  } else if (verdict.kind == Kind::interrupted) {
    interrupt(to);
  } else if (verdict.kind == Kind::snoozed) {
    to.state = JobState::scheduled;
    --to.attempt;
    to.due = now + verdict.delay.value_or(policy.base);
    to.rank = rank_of(*to.due, job.priority);
  } else {
    fail(job, verdict, policy, now, random, to);
  }
  return to;
}

std::string_view last_lines(const Verdict& verdict) {
  const auto size = std::min(verdict.output.size(), kOutputCap);
  return std::string_view(verdict.output).substr(verdict.output.size() - size);
}

void write_attempt(Unit& unit, const RunningJob& job, const Verdict& verdict, WallTime now,
                   const std::optional<WallTime>& next_run) {
  auto& insert = unit.query(
      "INSERT INTO attempts(job, lease, attempt, verdict, began, ended, next_run, permanent, "
      "signal, exit_status, cpu, max_rss, code, message, output) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      job.run.job, job.run.lease, job.attempt, name(verdict.kind), job.began, now, next_run,
      verdict.permanent, verdict.signal, verdict.exit_status, verdict.usage.cpu,
      static_cast<std::int64_t>(verdict.usage.max_rss_bytes));
  if (!verdict.code.empty()) insert.bind_borrowed(13, verdict.code);
  if (!verdict.message.empty()) insert.bind_borrowed(14, verdict.message);
  if (!verdict.output.empty()) insert.bind_borrowed(15, Bytes{last_lines(verdict)});
  insert.run();
  // A job that snoozes for years must not fill the disk. Leases grow by one with each claim.
  if (job.run.lease.value() > kAttemptsKept)
    unit.run("DELETE FROM attempts WHERE job=? AND lease <= ?", job.run.job,
             job.run.lease.value() - kAttemptsKept);
}

void note_events(Unit& unit, const RunningJob& job, const Transition& to, WallTime now) {
  const auto subject = fmt::format("job {}", job.run.job.value());
  if (to.poison) {
    record_event(unit, now, "job_poison", subject,
                 fmt::format("{}: discarded after {} crashes of its worker", job.task, to.crashes));
  }
  if (!to.held.empty()) {
    record_event(unit, now, "job_held", subject, fmt::format("{}: {}", job.task, to.held));
  }
}

Finished end_run(Unit& unit, const RunningJob& job, const Verdict& verdict, const Transition& to,
                 WallTime now) {
  write_attempt(unit, job, verdict, now, to.due);
  if (to.state == JobState::cancelled || to.state == JobState::discarded) {
    unit.run(
        "UPDATE jobs SET state=?, crashes=?, ended_at=? "
        "WHERE id=? AND state='running' AND run_lease=?",
        name(to.state), to.crashes, now, job.run.job, job.run.lease);
  } else {
    unit.run(
        "UPDATE jobs SET state=?, due=?, rank=?, attempt=?, crashes=?, interrupted=?, "
        "held=?, " KEEP_UNIQUE_KEY " WHERE id=? AND state='running' AND run_lease=?",
        name(to.state), to.state == JobState::available ? std::optional(now) : to.due, to.rank,
        to.attempt, to.crashes, to.interrupted,
        to.held.empty() ? std::nullopt : std::optional(to.held), job.run.job, job.run.lease);
  }
  if (to.poison || !to.held.empty()) note_events(unit, job, to, now);
  Finished finished{
      .state = to.state, .next_run = to.due, .poison = to.poison, .held = !to.held.empty()};
  // What goes back to wait at once keeps its turn.
  if (!job.concurrency_key.empty() && to.state != JobState::available)
    finished.turn_given = give_turns(unit, job.task, job.concurrency_key);
  return finished;
}

// False: it no longer runs under this lease; or it has a concurrency key, and `keyed` is false.
bool write_completed(Unit& unit, RunId run, const Verdict& verdict, WallTime now, bool keyed) {
  auto& update = unit.query(
      "UPDATE jobs SET state='completed', ended_at=?1, cpu=?2, max_rss=?3, result=?4, output=?5 "
      "WHERE id=?6 AND state='running' AND run_lease=?7 AND (concurrency_key IS NULL OR ?8)",
      now, verdict.usage.cpu, static_cast<std::int64_t>(verdict.usage.max_rss_bytes), nullptr,
      nullptr, run.job, run.lease, keyed);
  if (!verdict.result.empty()) update.bind_borrowed(4, Bytes{verdict.result});
  if (!verdict.output.empty()) update.bind_borrowed(5, Bytes{last_lines(verdict)});
  update.run();
  return unit.changes() == 1;
}

// The way of nearly every run: one statement.
std::optional<Finished> complete_run(Unit& unit, RunId run, const Verdict& verdict, WallTime now) {
  if (write_completed(unit, run, verdict, now, false)) return Finished{};
  if (!write_completed(unit, run, verdict, now, true)) return std::nullopt;
  auto& row = unit.query("SELECT task, concurrency_key FROM jobs WHERE id=?", run.job);
  row.step();
  const auto task = row.string(0);
  const auto key = row.string(1);
  row.reset();
  Finished finished;
  finished.turn_given = give_turns(unit, task, key);
  return finished;
}

}  // namespace

std::optional<Finished> finish_run(Unit& unit, RunId run, const Verdict& verdict,
                                   const RetryPolicy& policy, WallTime now, double random) {
  TIMMY_FAILPOINT("queue.before_finish");
  if (verdict.result.size() > kPayloadCap) {
    Verdict too_large{.kind = Verdict::Kind::failed, .permanent = true, .code = "too_large"};
    too_large.message = fmt::format("the result is {} bytes, at most {} are taken",
                                    verdict.result.size(), kPayloadCap);
    too_large.usage = verdict.usage;
    too_large.output = verdict.output;
    return finish_run(unit, run, too_large, policy, now, random);
  }
  if (verdict.kind == Verdict::Kind::completed) return complete_run(unit, run, verdict, now);
  auto& row = unit.query("SELECT " RUNNING_COLUMNS
                         " FROM jobs WHERE id=? AND state='running' AND run_lease=?",
                         run.job, run.lease);
  if (!row.step()) return std::nullopt;
  const RunningJob job = read_running(row);
  row.reset();
  return end_run(unit, job, verdict, transition_of(job, verdict, policy, now, random), now);
}

std::optional<JobState> give_back(Unit& unit, RunId run, WallTime now) {
  auto& row = unit.query(
      "UPDATE jobs SET state=CASE WHEN cancel_requested_at IS NULL THEN 'available' "
      "ELSE 'cancelled' END, "
      "ended_at=CASE WHEN cancel_requested_at IS NOT NULL THEN ?1 END, "
      "attempt=attempt-1, " KEEP_UNIQUE_KEY
      " WHERE id=?2 AND state='running' AND run_lease=?3 "
      "RETURNING cancel_requested_at IS NOT NULL, task, concurrency_key",
      now, run.job, run.lease);
  if (!row.step()) return std::nullopt;
  const bool cancelled = row.integer(0) != 0;
  const auto task = row.string(1);
  const auto key = row.string(2);
  row.reset();
  if (!cancelled) return JobState::available;
  if (!key.empty()) give_turns(unit, task, key);
  return JobState::cancelled;
}

Recovery recover_runs(Unit& unit, std::int64_t instance, WallTime now) {
  std::vector<RunningJob> jobs;
  auto& row = unit.query(
      "SELECT " RUNNING_COLUMNS " FROM jobs WHERE state='running' AND instance IS NOT ?", instance);
  while (row.step()) jobs.push_back(read_running(row));

  Verdict verdict{.kind = Verdict::Kind::interrupted, .code = "host_ended"};
  verdict.message = "the host ended while it ran";
  Recovery recovery;
  for (const auto& job : jobs) {
    const auto finished = end_run(unit, job, verdict, transition_of(job, verdict, {}, now, 0), now);
    ++recovery.interrupted;
    recovery.held += finished.held;
    recovery.cancelled += finished.state == JobState::cancelled;
  }
  if (recovery.interrupted > 0) {
    record_event(unit, now, "runs_interrupted", "host",
                 fmt::format("{} runs of a host that ended were given back", recovery.interrupted));
  }
  return recovery;
}

}  // namespace host
