// SPDX-License-Identifier: Apache-2.0
#include "queue/job_table.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/failpoint.hpp"
#include "base/file.hpp"
#include "store/event.hpp"

namespace host {
namespace {

// What one step of priority is worth in waiting, so that low ones don't starve: the claim's order
// is `rank` = due + priority * this.
constexpr Duration kPriorityStep = std::chrono::minutes(10);

WallTime rank_of(WallTime due, int priority) { return due + priority * kPriorityStep; }

// A job that waits again gives up its unique key if another one has taken it meanwhile.
#define KEEP_UNIQUE_KEY                                             \
  "unique_key = CASE WHEN unique_key IS NULL OR NOT EXISTS("        \
  "SELECT 1 FROM jobs AS other WHERE other.task = jobs.task "       \
  "AND other.unique_key = jobs.unique_key AND other.id <> jobs.id " \
  "AND other.state IN ('scheduled','available','retryable')) THEN unique_key END"

std::optional<JobId> waiting_with_key(Unit& unit, const NewJob& job) {
  auto& row = unit.query(
      "SELECT id FROM jobs WHERE task=? AND unique_key=? "
      "AND state IN ('scheduled','available','retryable')",
      job.task, job.unique_key);
  return row.step() ? std::optional(JobId(row.integer(0))) : std::nullopt;
}

// The duplicate that stands in the way, if its window still counts; else it loses its key.
std::optional<JobId> find_duplicate(Unit& unit, const NewJob& job, WallTime now) {
  if (job.unique_key.empty()) return std::nullopt;
  if (job.unique_window > Duration::zero()) {
    unit.run(
        "UPDATE jobs SET unique_key=NULL WHERE task=? AND unique_key=? "
        "AND state IN ('scheduled','available','retryable') AND inserted_at < ?",
        job.task, job.unique_key, now - job.unique_window);
  }
  return waiting_with_key(unit, job);
}

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
};

#define RUNNING_COLUMNS                                                                        \
  "id, run_lease, task, priority, attempt, max_attempts, crashes, interrupted, attempted_at, " \
  "rank, cancel_requested_at"

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
          .cancel_requested = !row.is_null(10)};
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
        "interrupted {} times by the end of its host; look for what it does to it", to.interrupted);
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
        "UPDATE jobs SET state=?, crashes=?, ended_at=?, progress=NULL "
        "WHERE id=? AND state='running' AND run_lease=?",
        name(to.state), to.crashes, now, job.run.job, job.run.lease);
  } else {
    unit.run(
        "UPDATE jobs SET state=?, due=?, rank=?, attempt=?, crashes=?, interrupted=?, held=?, "
        "progress=NULL, " KEEP_UNIQUE_KEY " WHERE id=? AND state='running' AND run_lease=?",
        name(to.state), to.state == JobState::available ? std::optional(now) : to.due, to.rank,
        to.attempt, to.crashes, to.interrupted,
        to.held.empty() ? std::nullopt : std::optional(to.held), job.run.job, job.run.lease);
  }
  if (to.poison || !to.held.empty()) note_events(unit, job, to, now);
  return {.state = to.state, .next_run = to.due, .poison = to.poison, .held = !to.held.empty()};
}

// The way of nearly every run, as short as it can be.
std::optional<Finished> complete_run(Unit& unit, RunId run, const Verdict& verdict, WallTime now) {
  auto& row = unit.query(
      "SELECT attempt, attempted_at FROM jobs WHERE id=? AND state='running' AND run_lease=?",
      run.job, run.lease);
  if (!row.step()) return std::nullopt;
  const auto attempt = row.integer(0);
  const auto began = row.time(1);
  row.reset();
  auto& insert = unit.query(
      "INSERT INTO attempts(job, lease, attempt, verdict, began, ended, cpu, max_rss, output) "
      "VALUES(?, ?, ?, 'completed', ?, ?, ?, ?, ?)",
      run.job, run.lease, attempt, began, now, verdict.usage.cpu,
      static_cast<std::int64_t>(verdict.usage.max_rss_bytes));
  if (!verdict.output.empty()) insert.bind_borrowed(8, Bytes{last_lines(verdict)});
  insert.run();
  auto& update = unit.query(
      "UPDATE jobs SET state='completed', ended_at=?1, result=?2, progress=NULL "
      "WHERE id=?3 AND state='running' AND run_lease=?4",
      now, nullptr, run.job, run.lease);
  if (!verdict.result.empty()) update.bind_borrowed(2, Bytes{verdict.result});
  update.run();
  return Finished{};
}

void refuse(const char* field, const std::string& why) {
  throw Error(Code::invalid, fmt::format("{} of a job: {}", field, why), "Correct the request.");
}

}  // namespace

void check_new_job(const NewJob& job) {
  if (job.task.empty()) refuse("task", "is empty");
  if (job.task.size() > 200) refuse("task", "is longer than 200 bytes");
  if (job.priority < 0 || job.priority > 9) {
    refuse("priority", fmt::format("is {}, expected 0 (first) to 9", job.priority));
  }
  if (job.max_attempts < 1) refuse("max_attempts", "is less than 1");
  if (job.unique_key.size() > 1000) refuse("unique_key", "is longer than 1000 bytes");
  if (job.delay > std::chrono::hours(24 * 3660)) refuse("delay", "is longer than ten years");
  if (job.payload.size() > kPayloadCap) {
    throw Error(Code::too_large,
                fmt::format("the payload of a job for {} is {} bytes, at most {} are taken",
                            job.task, job.payload.size(), kPayloadCap),
                "Store the data elsewhere and send its name.");
  }
}

Inserted insert_job(Unit& unit, const NewJob& job, WallTime now) {
  check_new_job(job);
  TIMMY_FAILPOINT("queue.before_insert");
  if (const auto duplicate = find_duplicate(unit, job, now)) {
    return {.id = *duplicate, .duplicate = true, .due = {}};
  }
  const bool later = job.delay > Duration::zero();
  const WallTime due = later ? now + job.delay : now;
  auto& insert = unit.prepare(
      "INSERT INTO jobs(task, state, priority, rank, due, max_attempts, inserted_at, nominal, "
      "parent, source, unique_key, payload) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind_borrowed(1, job.task)
      .bind_borrowed(2, name(later ? JobState::scheduled : JobState::available))
      .bind(3, job.priority)
      .bind(4, rank_of(due, job.priority))
      .bind(5, due)
      .bind(6, job.max_attempts)
      .bind(7, now)
      .bind(8, job.nominal)
      .bind(9, job.parent)
      .bind_borrowed(10, job.source)
      .bind_borrowed(12, Bytes{job.payload});
  if (!job.unique_key.empty()) insert.bind_borrowed(11, job.unique_key);
  insert.run();
  TIMMY_FAILPOINT("queue.after_insert");
  return {.id = JobId(unit.last_rowid()), .due = later ? std::optional(due) : std::nullopt};
}

std::vector<ClaimedJob> claim_jobs(Unit& unit, std::string_view task, int count,
                                   std::int64_t instance, WallTime now) {
  TIMMY_FAILPOINT("queue.before_claim");
  auto& row = unit.query(
      "UPDATE jobs SET state='running', run_lease=run_lease+1, attempt=attempt+1, instance=?1, "
      "attempted_at=?2 WHERE id IN (SELECT id FROM jobs WHERE state='available' AND task=?3 "
      "ORDER BY rank, id LIMIT ?4) "
      "RETURNING rank, id, run_lease, attempt, max_attempts, crashes, nominal, payload",
      instance, now, task, count);
  std::vector<std::pair<std::int64_t, ClaimedJob>> ranked;
  ranked.reserve(static_cast<std::size_t>(std::clamp(count, 0, 1000)));
  while (row.step()) {
    ranked.emplace_back(row.integer(0),
                        ClaimedJob{.run = {JobId(row.integer(1)), RunLease(row.integer(2))},
                                   .task = std::string(task),
                                   .payload = row.string(7),
                                   .key = {},
                                   .attempt = static_cast<int>(row.integer(3)),
                                   .max_attempts = static_cast<int>(row.integer(4)),
                                   .crashes = static_cast<int>(row.integer(5)),
                                   .nominal = row.optional_time(6)});
  }
  // RETURNING promises no order.
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.run) < std::tie(b.first, b.second.run);
  });
  std::vector<ClaimedJob> jobs;
  jobs.reserve(ranked.size());
  for (auto& [rank, job] : ranked) jobs.push_back(std::move(job));
  TIMMY_FAILPOINT("queue.after_claim");
  return jobs;
}

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

std::optional<JobState> give_back(Unit& unit, RunId run) {
  auto& row = unit.query(
      "UPDATE jobs SET state=CASE WHEN cancel_requested_at IS NULL THEN 'available' "
      "ELSE 'cancelled' END, "
      "ended_at=CASE WHEN cancel_requested_at IS NOT NULL THEN attempted_at END, "
      "attempt=attempt-1, " KEEP_UNIQUE_KEY
      " WHERE id=? AND state='running' AND run_lease=? "
      "RETURNING cancel_requested_at IS NOT NULL",
      run.job, run.lease);
  std::optional<JobState> state;
  while (row.step()) state = row.integer(0) != 0 ? JobState::cancelled : JobState::available;
  return state;
}

bool is_current(Unit& unit, RunId run) {
  auto& row = unit.query("SELECT 1 FROM jobs WHERE id=? AND state='running' AND run_lease=?",
                         run.job, run.lease);
  const bool current = row.step();
  row.reset();
  return current;
}

void require_current(Unit& unit, RunId run) {
  if (is_current(unit, run)) return;
  throw Error(Code::stale, fmt::format("run {} of job {} is no longer the job's current one",
                                       run.lease.value(), run.job.value()));
}

void set_progress(Unit& unit, RunId run, std::string_view json) {
  unit.run("UPDATE jobs SET progress=? WHERE id=? AND state='running' AND run_lease=?", json,
           run.job, run.lease);
  if (unit.changes() == 0) require_current(unit, run);
}

Promoted promote_due(Unit& unit, WallTime now, int limit) {
  Promoted promoted;
  auto& row = unit.query(
      "UPDATE jobs SET state='available' WHERE id IN (SELECT id FROM jobs "
      "WHERE state IN ('scheduled','retryable') AND due <= ? ORDER BY due LIMIT ?) RETURNING task",
      now, limit);
  while (row.step()) {
    const auto task = row.text(0);
    if (std::find(promoted.tasks.begin(), promoted.tasks.end(), task) == promoted.tasks.end()) {
      promoted.tasks.emplace_back(task);
    }
  }
  promoted.next_due = earliest_due(unit);
  return promoted;
}

std::optional<WallTime> earliest_due(Unit& unit) {
  auto& row = unit.query(
      "SELECT due FROM jobs WHERE state IN ('scheduled','retryable') AND due IS NOT NULL "
      "ORDER BY due LIMIT 1");
  const auto due = row.step() ? std::optional(row.time(0)) : std::nullopt;
  row.reset();
  return due;
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

Cancelled cancel_job(Unit& unit, JobId id, WallTime now) {
  unit.run(
      "UPDATE jobs SET state='cancelled', ended_at=?, held=NULL WHERE id=? "
      "AND state IN ('scheduled','available','retryable')",
      now, id);
  if (unit.changes() > 0) return {};
  unit.run(
      "UPDATE jobs SET cancel_requested_at=coalesce(cancel_requested_at, ?) "
      "WHERE id=? AND state='running'",
      now, id);
  const Job job = read_job(unit, id).job;
  Cancelled cancelled{.state = job.state, .running = {}};
  if (job.state == JobState::running) cancelled.running = RunId{id, job.lease};
  return cancelled;
}

Job retry_job(Unit& unit, JobId id, WallTime now) {
  const Job before = read_job(unit, id).job;
  if (before.state == JobState::running) {
    throw Error(Code::conflict, fmt::format("job {} is running", id.value()),
                "Wait for its end, or cancel it first.");
  }
  unit.run(
      "UPDATE jobs SET state='available', due=?, rank=?, attempt=0, crashes=0, interrupted=0, "
      "held=NULL, ended_at=NULL, cancel_requested_at=NULL, result=NULL, " KEEP_UNIQUE_KEY
      " WHERE id=?",
      now, rank_of(now, before.priority), id);
  return read_job(unit, id).job;
}

std::int64_t register_instance(Unit& unit, WallTime now) {
  std::string host(256, '\0');
  if (::gethostname(host.data(), host.size() - 1) != 0) throw system_error("read the host's name");
  host.resize(host.find('\0'));
  std::string boot = read_file("/proc/sys/kernel/random/boot_id", 100);
  boot.erase(boot.find_last_not_of('\n') + 1);
  unit.run("INSERT INTO instances(host, boot_id, pid, started) VALUES(?, ?, ?, ?)", host, boot,
           static_cast<int>(::getpid()), now);
  return unit.last_rowid();
}

std::string read_store_id(Unit& unit) {
  auto& row = unit.query("SELECT value FROM settings WHERE key='store_id'");
  if (!row.step()) throw Error(Code::corrupt, "the database has no store_id");
  return row.string(0);
}

}  // namespace host
