// SPDX-License-Identifier: Apache-2.0
//
// What is shown of jobs.
#include <fmt/format.h>

#include <algorithm>

#include "queue/job_table.hpp"

namespace host {
namespace {

constexpr int kRecentEnds = 5'000;
constexpr int kListLook = 10'000;          // rows that a list looks at by each of its two ways
constexpr std::size_t kListedSize = 4096;  // bytes of a payload or result that a list shows
// Of a page's payloads and results, shown or not: to read what the row has behind them SQLite goes
// through all their pages.
constexpr std::int64_t kListBytes = 16 << 20;

// The FROM's index and the WHERE of a filter; `task` is parameter 3. Each state has an index.
std::string matching(const JobFilter& filter) {
  std::string sql;
  if (filter.state) sql += fmt::format(" INDEXED BY jobs_{}", name(*filter.state));
  sql += " WHERE true";
  if (filter.state) sql += fmt::format(" AND state='{}'", name(*filter.state));
  if (filter.held) sql += " AND state='scheduled' AND due IS NULL";
  if (!filter.task.empty()) sql += " AND task=?3";
  return sql;
}

#define JOB_COLUMNS(payload, result)                                                         \
  "SELECT id, task, state, " payload                                                         \
  ", priority, attempt, max_attempts, crashes, interrupted, run_lease, source, unique_key, " \
  "due, nominal, parent, inserted_at, attempted_at, ended_at, cancel_requested_at, held, "   \
  "progress, " result ", concurrency_key, waits_turn, length(payload), length(result) FROM jobs"

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
  job.abridged = row.integer(24) != static_cast<std::int64_t>(job.payload.size()) ||
                 row.integer(25) != static_cast<std::int64_t>(job.result.size());
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
      "cpu, max_rss, code, message, output FROM history WHERE job=? ORDER BY lease DESC LIMIT ?",
      id, kAttemptsKept);
  while (row.step()) attempts.push_back(read_attempt(row));
  std::reverse(attempts.begin(), attempts.end());
  return attempts;
}

}  // namespace

std::optional<Job> find_job(Unit& unit, JobId id) {
  auto& row = unit.query(JOB_COLUMNS("payload", "result") " WHERE id=?", id);
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

namespace {

// The ids of a page, newest first, and how far it looked if there may be more.
struct PageOfIds {
  std::vector<JobId> ids;
  std::optional<JobId> looked_to;
};

// From the newest on, past what does not match. An ended state's index has its jobs alone.
PageOfIds walk(Unit& unit, const JobFilter& filter, JobId before, std::size_t limit) {
  const bool ended = filter.state && *filter.state >= JobState::completed;
  auto& row = unit.query(
      fmt::format(
          "SELECT id, task, state, due FROM jobs{} id < ? ORDER BY id DESC",
          ended ? fmt::format(" INDEXED BY jobs_{0} WHERE state='{0}' AND", name(*filter.state))
                : " WHERE"),
      before);
  PageOfIds page;
  for (int looked = 1; row.step(); ++looked) {
    const JobId id(row.integer(0));
    const bool matches =
        (filter.task.empty() || row.text(1) == filter.task) &&
        (!filter.state || row.text(2) == name(*filter.state)) &&
        (!filter.held || (row.text(2) == name(JobState::scheduled) && row.is_null(3)));
    if (matches) page.ids.push_back(id);
    if (page.ids.size() < limit && looked < kListLook) continue;
    page.looked_to = id;
    break;
  }
  return page;
}

// By the index of a state that is not in the order of ids, sorted here. nullopt: they are too many,
// and so a walk soon meets some.
std::optional<PageOfIds> sort_few(Unit& unit, const JobFilter& filter, JobId before,
                                  std::size_t limit) {
  const auto state = filter.held ? JobState::scheduled : filter.state.value_or(JobState::completed);
  if (state >= JobState::completed) return std::nullopt;
  // Only the available ones are by task in their index.
  const bool by_task = state == JobState::available && !filter.task.empty();
  auto& row = unit.query(fmt::format("SELECT id, task FROM jobs INDEXED BY jobs_{0} WHERE "
                                     "state='{0}'{1}{2} LIMIT ?1",
                                     name(state), filter.held ? " AND due IS NULL" : "",
                                     by_task ? " AND task=?2" : ""),
                         kListLook);
  if (by_task) row.bind(2, filter.task);
  PageOfIds page;
  for (int looked = 1; row.step(); ++looked) {
    const JobId id(row.integer(0));
    const bool task = filter.task.empty() || row.text(1) == filter.task;
    if (id < before && task) page.ids.push_back(id);
    if (looked == kListLook) return std::nullopt;
  }
  if (filter.held && filter.state && *filter.state != state) return PageOfIds{};
  std::sort(page.ids.rbegin(), page.ids.rend());
  if (page.ids.size() > limit) {
    page.ids.resize(limit);
    page.looked_to = page.ids.back();
  }
  return page;
}

}  // namespace

JobList list_jobs(Unit& unit, const JobFilter& filter, const JobPage& page) {
  const auto before = page.before.value_or(JobId(INT64_MAX));
  const auto limit = static_cast<std::size_t>(std::clamp(page.limit, 1, 1000));
  auto found = sort_few(unit, filter, before, limit);
  if (!found) found = walk(unit, filter, before, limit);
  JobList list{.jobs = {}, .next = found->looked_to};
  std::int64_t bytes = 0;
  for (const auto id : found->ids) {
    auto& row =
        unit.query(JOB_COLUMNS("CASE WHEN length(payload) <= ?2 THEN payload END",
                               "CASE WHEN length(result) <= ?2 THEN result END") " WHERE id=?1",
                   id, static_cast<std::int64_t>(kListedSize));
    if (!row.step()) continue;
    list.jobs.push_back(read_row(row));
    bytes += row.integer(24) + row.integer(25);
    row.reset();
    if (bytes <= kListBytes || id == found->ids.back()) continue;
    list.next = id;
    break;
  }
  return list;
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

}  // namespace host
