// SPDX-License-Identifier: Apache-2.0
#include "queue/job_table.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/failpoint.hpp"
#include "base/file.hpp"
#include "queue/controls.hpp"
#include "queue/job_rules.hpp"
#include "queue/key_turns.hpp"

namespace host {
namespace {

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
  if (job.concurrency_key.size() > 1000) refuse("concurrency_key", "is longer than 1000 bytes");
  if (job.key_limit < 1) refuse("key_limit", "is less than 1");
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
      "parent, source, unique_key, payload, concurrency_key, key_limit, waits_turn) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const bool keyed = !job.concurrency_key.empty();
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
      .bind_borrowed(12, Bytes{job.payload})
      .bind(14, job.key_limit)
      .bind(15, keyed);
  if (!job.unique_key.empty()) insert.bind_borrowed(11, job.unique_key);
  if (keyed) insert.bind_borrowed(13, job.concurrency_key);
  insert.run();
  const JobId id(unit.last_rowid());
  if (keyed && !later) give_turns(unit, job.task, job.concurrency_key);
  TIMMY_FAILPOINT("queue.after_insert");
  return {.id = id, .due = later ? std::optional(due) : std::nullopt};
}

namespace {

// Payloads of one claim, in bytes: they are all in memory, and in one transaction.
constexpr std::size_t kClaimBytes = std::size_t{4} << 20;

bool has_available(Unit& unit, const std::string& task) {
  auto& row = unit.query(
      "SELECT 1 FROM jobs WHERE state='available' AND task=? AND waits_turn=0 LIMIT 1", task);
  return row.step();
}

// What an insert and the first claim write, at once.
JobId insert_one_running(Unit& unit, const NewJob& job, std::int64_t instance, WallTime now) {
  auto& insert = unit.prepare(
      "INSERT INTO jobs(task, state, priority, rank, due, attempt, max_attempts, run_lease, "
      "instance, inserted_at, attempted_at, nominal, parent, source, payload, key_limit) "
      "VALUES(?1, 'running', ?2, ?3, ?4, 1, ?5, 1, ?6, ?4, ?4, ?7, ?8, ?9, ?10, ?11)");
  insert.bind_borrowed(1, job.task)
      .bind(2, job.priority)
      .bind(3, rank_of(now, job.priority))
      .bind(4, now)
      .bind(5, job.max_attempts)
      .bind(6, instance)
      .bind(7, job.nominal)
      .bind(8, job.parent)
      .bind_borrowed(9, job.source)
      .bind_borrowed(10, Bytes{job.payload})
      .bind(11, job.key_limit);
  insert.run();
  return JobId(unit.last_rowid());
}

}  // namespace

bool may_start(std::span<const NewJob> jobs) {
  std::size_t bytes = 0;
  return !jobs.empty() && std::all_of(jobs.begin(), jobs.end(), [&](const NewJob& job) {
    bytes += job.payload.size();
    return job.task == jobs.front().task && job.delay <= Duration::zero() &&
           job.unique_key.empty() && job.concurrency_key.empty() && bytes <= kClaimBytes;
  });
}

std::optional<StartedAtOnce> insert_running(Unit& unit, std::span<const NewJob> jobs,
                                            std::int64_t instance, WallTime now) {
  if (has_available(unit, jobs.front().task)) return std::nullopt;
  StartedAtOnce started;
  started.inserted.reserve(jobs.size());
  started.claimed.reserve(jobs.size());
  for (const auto& job : jobs) {
    check_new_job(job);
    TIMMY_FAILPOINT("queue.before_insert");
    started.inserted.push_back({.id = insert_one_running(unit, job, instance, now), .due = {}});
    TIMMY_FAILPOINT("queue.after_insert");
  }
  // They are due at the same time, so a claim would take them by priority, then by age.
  std::vector<std::size_t> order(jobs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return jobs[a].priority < jobs[b].priority; });
  for (const auto at : order)
    started.claimed.push_back({.run = {started.inserted[at].id, RunLease(1)},
                               .task = jobs[at].task,
                               .payload = jobs[at].payload,
                               .key = {},
                               .attempt = 1,
                               .max_attempts = jobs[at].max_attempts,
                               .crashes = 0,
                               .nominal = jobs[at].nominal});
  TIMMY_FAILPOINT("queue.after_claim");
  return started;
}

// The first ?2 of the task ?1 that may run, in their order: from the index, without sorting.
#define NEXT_JOBS "state='available' AND task=?1 AND waits_turn=0 ORDER BY rank, id LIMIT ?2"

Claimed claim_jobs(Unit& unit, std::string_view task, int count, std::int64_t instance,
                   WallTime now, const RateLimit& rate) {
  TIMMY_FAILPOINT("queue.before_claim");
  Claimed claimed;
  if (rate) {
    const auto allowed = allowance(unit, task, rate, count, now);
    count = allowed.runs;
    claimed.again = allowed.again;
    if (count == 0) return claimed;
  }
  // Read, then changed, by the same order: RETURNING would copy every row once more.
  auto& row = unit.query(
      "SELECT id, run_lease, attempt, max_attempts, crashes, nominal, payload FROM jobs "
      "WHERE " NEXT_JOBS,
      task, count);
  claimed.jobs.reserve(static_cast<std::size_t>(std::clamp(count, 0, 1000)));
  std::size_t bytes = 0;
  while (!claimed.more && row.step()) {
    claimed.jobs.push_back({.run = {JobId(row.integer(0)), RunLease(row.integer(1) + 1)},
                            .task = std::string(task),
                            .payload = row.string(6),
                            .key = {},
                            .attempt = static_cast<int>(row.integer(2)) + 1,
                            .max_attempts = static_cast<int>(row.integer(3)),
                            .crashes = static_cast<int>(row.integer(4)),
                            .nominal = row.optional_time(5)});
    bytes += claimed.jobs.back().payload.size();
    claimed.more = bytes > kClaimBytes;
  }
  row.reset();
  if (claimed.jobs.empty()) return claimed;
  unit.run(
      "UPDATE jobs SET state='running', run_lease=run_lease+1, attempt=attempt+1, instance=?3, "
      "attempted_at=?4, progress=NULL WHERE id IN (SELECT id FROM jobs WHERE " NEXT_JOBS ")",
      task, static_cast<std::int64_t>(claimed.jobs.size()), instance, now);
  if (rate) note_starts(unit, task, rate, static_cast<int>(claimed.jobs.size()), now);
  TIMMY_FAILPOINT("queue.after_claim");
  return claimed;
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

namespace {

// Makes what is due available, at most `limit`; notes what has a concurrency key. How many.
template <class Keys>
int promote_state(Unit& unit, std::string_view sql, WallTime now, int limit, Promoted& promoted,
                  Keys& keyed) {
  auto& row = unit.query(sql, now, limit);
  int count = 0;
  for (; row.step(); ++count) {
    const auto task = row.text(0);
    if (std::find(promoted.tasks.begin(), promoted.tasks.end(), task) == promoted.tasks.end()) {
      promoted.tasks.emplace_back(task);
    }
    if (!row.is_null(1)) keyed.emplace(task, row.text(1));
  }
  return count;
}

// One statement for each state, so that each goes by the index of its own.
#define PROMOTE(state)                                                           \
  "UPDATE jobs SET state='available', waits_turn = concurrency_key IS NOT NULL " \
  "WHERE id IN (SELECT id FROM jobs WHERE state='" state                         \
  "' AND due <= ? ORDER BY "                                                     \
  "due LIMIT ?) RETURNING task, concurrency_key"

}  // namespace

Promoted promote_due(Unit& unit, WallTime now, int limit) {
  Promoted promoted;
  std::set<std::pair<std::string, std::string>> keyed;
  // Retries first: there are few, and they have waited once already.
  const int retried = promote_state(unit, PROMOTE("retryable"), now, limit, promoted, keyed);
  if (retried < limit)
    promote_state(unit, PROMOTE("scheduled"), now, limit - retried, promoted, keyed);
  for (const auto& [task, key] : keyed) give_turns(unit, task, key);
  promoted.next_due = earliest_due(unit);
  return promoted;
}

std::optional<WallTime> earliest_due(Unit& unit) {
  auto& row = unit.query(
      "SELECT min(due) FROM ("
      "SELECT * FROM (SELECT due FROM jobs WHERE state='scheduled' AND due IS NOT NULL "
      "ORDER BY due LIMIT 1) UNION ALL "
      "SELECT * FROM (SELECT due FROM jobs WHERE state='retryable' AND due IS NOT NULL "
      "ORDER BY due LIMIT 1))");
  const auto due = row.step() ? row.optional_time(0) : std::nullopt;
  row.reset();
  return due;
}

constexpr std::int64_t kInstancesKept = 1000;  // starts of a host

std::int64_t register_instance(Unit& unit, WallTime now) {
  std::string host(256, '\0');
  if (::gethostname(host.data(), host.size() - 1) != 0) throw system_error("read the host's name");
  host.resize(host.find('\0'));
  std::string boot = read_file("/proc/sys/kernel/random/boot_id", 100);
  boot.erase(boot.find_last_not_of('\n') + 1);
  unit.run("INSERT INTO instances(host, boot_id, pid, started) VALUES(?, ?, ?, ?)", host, boot,
           static_cast<int>(::getpid()), now);
  const auto id = unit.last_rowid();
  unit.run("DELETE FROM instances WHERE id IN (SELECT id FROM instances WHERE id <= ? LIMIT 1000)",
           id - kInstancesKept);
  return id;
}

std::string read_store_id(Unit& unit) {
  auto& row = unit.query("SELECT value FROM settings WHERE key='store_id'");
  if (!row.step()) throw Error(Code::corrupt, "the database has no store_id");
  return row.string(0);
}

}  // namespace host
