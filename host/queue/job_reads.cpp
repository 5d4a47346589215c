// SPDX-License-Identifier: Apache-2.0
//
// What is shown of jobs, and what is thrown away.
#include <fmt/format.h>

#include <algorithm>

#include "queue/job_table.hpp"

namespace host {
namespace {

constexpr std::size_t kTasksCap = 1'000;
constexpr int kRecentEnds = 5'000;

constexpr std::array kStates{JobState::scheduled, JobState::available, JobState::running,
                             JobState::retryable, JobState::completed, JobState::cancelled,
                             JobState::discarded};

// That a row has this state, in the words of the partial index that covers it: SQLite uses one only
// where the query says its condition word for word.
std::string is_state(JobState state) {
  const auto exact = fmt::format("state='{}'", name(state));
  const bool waits = state == JobState::scheduled || state == JobState::retryable;
  return waits ? "state IN ('scheduled','retryable') AND " + exact : exact;
}

// The FROM's index and the WHERE of a filter; `task` is parameter 3.
std::string matching(const JobFilter& filter) {
  std::string sql;
  if (filter.state && *filter.state >= JobState::completed)
    sql += fmt::format(" INDEXED BY jobs_{}", name(*filter.state));
  sql += " WHERE true";
  if (filter.state) sql += " AND " + is_state(*filter.state);
  if (filter.held) sql += " AND state IN ('scheduled','retryable') AND due IS NULL";
  if (!filter.task.empty()) sql += " AND task=?3";
  return sql;
}

const std::string kColumns =
    "SELECT id, task, state, payload, priority, attempt, max_attempts, crashes, interrupted, "
    "run_lease, source, unique_key, due, nominal, parent, inserted_at, attempted_at, ended_at, "
    "cancel_requested_at, held, progress, result, concurrency_key, waits_turn FROM jobs";

Job read_row(const Statement& row) {
  Job job;
  job.id = JobId(row.integer(0));
  job.task = row.text(1);
  job.state = parse_job_state(row.text(2));
  job.payload = row.text(3);
  job.priority = static_cast<int>(row.integer(4));
  job.attempt = static_cast<int>(row.integer(5));
  job.max_attempts = static_cast<int>(row.integer(6));
  job.crashes = static_cast<int>(row.integer(7));
  job.interrupted = static_cast<int>(row.integer(8));
  job.lease = RunLease(row.integer(9));
  job.source = row.text(10);
  job.unique_key = row.text(11);
  if (job.state == JobState::scheduled || job.state == JobState::retryable) {
    job.due = row.optional_time(12);
  }
  job.nominal = row.optional_time(13);
  if (!row.is_null(14)) job.parent = JobId(row.integer(14));
  job.inserted_at = row.time(15);
  job.attempted_at = row.optional_time(16);
  job.ended_at = row.optional_time(17);
  job.cancel_requested_at = row.optional_time(18);
  job.held = row.text(19);
  job.progress = row.text(20);
  job.result = row.text(21);
  job.concurrency_key = row.text(22);
  job.waits_turn = job.state == JobState::available && row.integer(23) != 0;
  return job;
}

Attempt read_attempt(const Statement& row) {
  Attempt attempt;
  attempt.lease = RunLease(row.integer(0));
  attempt.attempt = static_cast<int>(row.integer(1));
  attempt.verdict.kind = parse_verdict_kind(row.text(2));
  attempt.began = row.time(3);
  attempt.ended = row.time(4);
  attempt.next_run = row.optional_time(5);
  attempt.verdict.permanent = row.integer(6) != 0;
  attempt.verdict.signal = static_cast<int>(row.integer(7));
  attempt.verdict.exit_status = static_cast<int>(row.integer(8));
  attempt.verdict.usage.cpu = Duration(row.integer(9));
  attempt.verdict.usage.max_rss_bytes = static_cast<std::uint64_t>(row.integer(10));
  attempt.verdict.code = row.text(11);
  attempt.verdict.message = row.text(12);
  attempt.verdict.output = row.text(13);
  return attempt;
}

std::vector<Attempt> read_attempts(Unit& unit, JobId id) {
  std::vector<Attempt> attempts;
  auto& row = unit.query(
      "SELECT lease, attempt, verdict, began, ended, next_run, permanent, signal, exit_status, "
      "cpu, max_rss, code, message, output FROM history WHERE job=? ORDER BY lease DESC LIMIT 50",
      id);
  while (row.step()) attempts.push_back(read_attempt(row));
  std::reverse(attempts.begin(), attempts.end());
  return attempts;
}

}  // namespace

std::optional<Job> find_job(Unit& unit, JobId id) {
  static const std::string kById = kColumns + " WHERE id=?";
  auto& row = unit.query(kById, id);
  if (!row.step()) return std::nullopt;
  Job job = read_row(row);
  row.reset();
  return job;
}

JobDetail read_job(Unit& unit, JobId id) {
  auto job = find_job(unit, id);
  if (!job)
    throw Error(Code::not_found, fmt::format("there is no job {}", id.value()),
                "See `timmy-host jobs list`; ended jobs are kept for a while only.");
  return {.job = std::move(*job), .attempts = read_attempts(unit, id)};
}

std::vector<Job> list_jobs(Unit& unit, const JobFilter& filter, const JobPage& page) {
  auto& row = unit.query(kColumns + matching(filter) + " AND id < ?1 ORDER BY id DESC LIMIT ?2",
                         page.before.value_or(JobId(INT64_MAX)), std::clamp(page.limit, 1, 1000));
  if (!filter.task.empty()) row.bind(3, filter.task);
  std::vector<Job> jobs;
  while (row.step()) jobs.push_back(read_row(row));
  return jobs;
}

std::vector<JobId> matching_jobs(Unit& unit, const JobFilter& filter, std::int64_t limit) {
  // Sorted here: by the index that finds them most filters have another order.
  auto& row = unit.query("SELECT id FROM jobs" + matching(filter) + " LIMIT ?1", limit);
  if (!filter.task.empty()) row.bind(3, filter.task);
  std::vector<JobId> ids;
  while (row.step()) ids.emplace_back(row.integer(0));
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::int64_t count_matching(Unit& unit, const JobFilter& filter, std::int64_t cap) {
  auto& row = unit.query(
      "SELECT count(*) FROM (SELECT 1 FROM jobs" + matching(filter) + " AND id > ?1 LIMIT ?2)",
      JobId(0), cap);
  if (!filter.task.empty()) row.bind(3, filter.task);
  row.step();
  const auto count = row.integer(0);
  row.reset();
  return count;
}

Counts count_jobs(Unit& unit, CountCaps caps) {
  Counts counts;
  for (const auto state : kStates) {
    auto& row = unit.query(fmt::format("SELECT count(*) FROM (SELECT 1 FROM jobs WHERE {} "
                                       "LIMIT ?)",
                                       is_state(state)),
                           caps.of_state + 1);
    row.step();
    const auto count = row.integer(0);
    row.reset();
    counts.states.push_back({state, std::min(count, caps.of_state), count > caps.of_state});
  }
  // From task to task through the index, whatever lies between.
  std::string task;
  while (counts.ready.size() < kTasksCap) {
    auto& row = unit.query(
        "SELECT task, due, (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state='available' AND "
        "task=first.task AND waits_turn=0 LIMIT ?2)) FROM jobs AS first "
        "WHERE state='available' AND waits_turn=0 AND task > ?1 ORDER BY task, waits_turn, rank "
        "LIMIT 1",
        task, caps.of_task + 1);
    if (!row.step()) break;
    task = row.string(0);
    const auto count = row.integer(2);
    counts.ready.push_back(
        {task, std::min(count, caps.of_task), count > caps.of_task, row.time(1)});
    row.reset();
  }
  return counts;
}

std::map<std::string, WallTime> last_ends(Unit& unit) {
  std::map<std::string, WallTime> last;
  for (const auto state : {JobState::completed, JobState::discarded}) {
    auto& row = unit.query(
        fmt::format("SELECT task, max(ended_at) FROM (SELECT task, ended_at FROM jobs "
                    "INDEXED BY jobs_{0} WHERE state='{0}' ORDER BY id DESC LIMIT ?) GROUP BY task",
                    name(state)),
        kRecentEnds);
    while (row.step()) {
      auto& at = last[row.string(0)];
      at = std::max(at, row.time(1));
    }
  }
  return last;
}

int prune_jobs(Unit& unit, JobState state, WallTime before, int limit) {
  // The newest job stays whatever it is, so that its id is never given again.
  auto& row =
      unit.query(fmt::format("SELECT id, ended_at FROM jobs INDEXED BY jobs_{0} WHERE "
                             "state='{0}' AND id < (SELECT max(id) FROM jobs) ORDER BY id LIMIT ?",
                             name(state)),
                 limit);
  std::vector<JobId> old;
  while (row.step()) {
    if (row.time(1) < before) old.emplace_back(row.integer(0));
  }
  for (const auto id : old) {
    unit.run("DELETE FROM attempts WHERE job=?", id);
    unit.run("DELETE FROM jobs WHERE id=?", id);
  }
  return static_cast<int>(old.size());
}

}  // namespace host
