// SPDX-License-Identifier: Apache-2.0
#include "schedule/tick_table.hpp"

#include <algorithm>
#include <utility>

#include "base/failpoint.hpp"
#include "queue/job_table.hpp"

namespace host {
namespace {

// More than this many jobs of one schedule are not looked at for an overlap after a restart.
constexpr int kOpenJobs = 20;

// The reason of a tick that nobody's schedule asked for.
constexpr std::string_view kByHand = "run by hand";

bool has_ended(Unit& unit, JobId job) {
  auto& found = unit.query(
      "SELECT 1 FROM jobs WHERE id=? AND state NOT IN ('completed','cancelled','discarded')", job);
  return !found.step();
}

bool is_running(Unit& unit, JobId job) {
  return unit.query("SELECT 1 FROM jobs WHERE id=? AND state='running'", job).step();
}

std::vector<JobId> read_open_jobs(Unit& unit, std::string_view schedule) {
  auto& rows = unit.query(
      "SELECT j.id FROM (SELECT job FROM ticks WHERE schedule=? AND job IS NOT NULL "
      "                  ORDER BY nominal DESC LIMIT ?) t JOIN jobs j ON j.id=t.job "
      "WHERE j.state NOT IN ('completed','cancelled','discarded') ORDER BY j.id",
      schedule, kOpenJobs);
  std::vector<JobId> open;
  while (rows.step()) open.emplace_back(rows.integer(0));
  return open;
}

// How many jobs of a schedule there may be that have not ended.
std::size_t room(Overlap overlap) {
  switch (overlap) {
    case Overlap::skip: return 1;
    case Overlap::buffer_one: return 2;
    default: return SIZE_MAX;
  }
}

bool looks_at_others(Overlap overlap) {
  return overlap != Overlap::buffer_all && overlap != Overlap::allow_all;
}

void record(Unit& unit, std::string_view schedule, WallTime nominal, TickOutcome outcome,
            std::optional<std::string> reason, std::optional<JobId> job, WallTime now) {
  unit.run(
      "INSERT INTO ticks(schedule, nominal, outcome, reason, job, recorded) VALUES(?,?,?,?,?,?)",
      schedule, nominal, name(outcome), reason, job, now);
}

bool is_recorded(Unit& unit, std::string_view schedule, WallTime nominal) {
  return unit.query("SELECT 1 FROM ticks WHERE schedule=? AND nominal=?", schedule, nominal).step();
}

// The job of a tick, unless the overlap policy or the job's unique key is against it.
TickResult insert_instance(Unit& unit, WallTime nominal, Overlap overlap, const NewJob& job,
                           RecentTicks& recent, WallTime now) {
  auto& open = recent.open_jobs;
  if (looks_at_others(overlap))
    std::erase_if(open, [&unit](JobId job_id) { return has_ended(unit, job_id); });
  if (open.size() >= room(overlap)) return {TickOutcome::overlapped, {.id = open.back()}, {}};
  const bool others_go = overlap == Overlap::cancel_other || overlap == Overlap::terminate_other;
  // Those that wait go first, or their unique key would be in the way.
  std::vector<JobId> running;
  for (const auto other : others_go ? open : std::vector<JobId>()) {
    if (is_running(unit, other))
      running.push_back(other);
    else
      cancel_job(unit, other, now);
  }
  NewJob instance = job;
  instance.nominal = nominal;
  TickResult result{TickOutcome::inserted, insert_job(unit, instance, now), {}};
  if (result.job.duplicate) {
    result.outcome = TickOutcome::duplicate;
    return result;
  }
  for (const auto other : running)
    if (const auto run = cancel_job(unit, other, now).running) result.cancelled.push_back(*run);
  if (looks_at_others(overlap)) open.push_back(result.job.id);
  return result;
}

}  // namespace

std::string_view name(TickOutcome outcome) noexcept {
  switch (outcome) {
    case TickOutcome::inserted: return "inserted";
    case TickOutcome::duplicate: return "duplicate";
    case TickOutcome::overlapped: return "overlapped";
    case TickOutcome::repeated: break;
  }
  return "repeated";
}

StoredSchedule open_schedule(Unit& unit, std::string_view name, std::string_view spec,
                             std::string_view zone, WallTime wall, WallTime now) {
  StoredSchedule stored{.cursor = wall};
  auto& row = unit.query("SELECT paused, spec=? AND zone=?, cursor FROM schedules WHERE name=?",
                         spec, zone, name);
  const bool known = row.step();
  if (known) stored.paused = row.integer(0) != 0;
  if (known && row.integer(1) != 0) {
    stored.cursor = row.optional_time(2).value_or(wall);
    // Ticks move the cursor too. Those ahead of the clock were written while it was wrong.
    auto& newest = unit.query(
        "SELECT nominal FROM ticks WHERE schedule=? AND nominal<=? AND reason IS NOT ? "
        "ORDER BY nominal DESC LIMIT 1",
        name, wall, kByHand);
    if (newest.step()) stored.cursor = std::max(stored.cursor, newest.time(0));
  } else {
    unit.run(
        "INSERT INTO schedules(name, spec, zone, cursor, updated) VALUES(?,?,?,?,?) "
        "ON CONFLICT(name) DO UPDATE SET spec=excluded.spec, zone=excluded.zone, "
        "cursor=excluded.cursor, updated=excluded.updated",
        name, spec, zone, wall, now);
  }
  auto& newest = unit.query("SELECT max(nominal) FROM ticks WHERE schedule=?", name);
  if (newest.step()) stored.recent.newest = newest.optional_time(0).value_or(WallTime::min());
  auto& last = unit.query(
      "SELECT nominal FROM ticks WHERE schedule=? AND job IS NOT NULL ORDER BY nominal DESC LIMIT "
      "1",
      name);
  if (last.step()) stored.last_run = last.time(0);
  stored.recent.open_jobs = read_open_jobs(unit, name);
  return stored;
}

void keep_schedules(Unit& unit, const std::vector<std::string>& names) {
  std::vector<std::string> gone;
  auto& rows = unit.prepare("SELECT name FROM schedules WHERE paused=0");
  while (rows.step())
    if (!std::binary_search(names.begin(), names.end(), rows.text(0)))
      gone.push_back(rows.string(0));
  for (const auto& name : gone) unit.run("DELETE FROM schedules WHERE name=?", name);
}

void move_cursor(Unit& unit, std::string_view name, WallTime cursor, WallTime now) {
  unit.run("UPDATE schedules SET cursor=?, updated=? WHERE name=?", cursor, now, name);
}

void pause_schedule(Unit& unit, std::string_view name, WallTime now) {
  unit.run("UPDATE schedules SET paused=1, updated=? WHERE name=?", now, name);
}

void resume_schedule(Unit& unit, std::string_view name, WallTime cursor, WallTime now) {
  unit.run("UPDATE schedules SET paused=0, cursor=?, updated=? WHERE name=?", cursor, now, name);
}

TickResult write_tick(Unit& unit, std::string_view schedule, WallTime nominal, Overlap overlap,
                      const NewJob& job, RecentTicks& recent, WallTime now) {
  if (nominal <= recent.newest && is_recorded(unit, schedule, nominal))
    return {TickOutcome::repeated, {}, {}};
  recent.newest = std::max(recent.newest, nominal);
  const TickResult result = insert_instance(unit, nominal, overlap, job, recent, now);
  const std::string other = "job " + std::to_string(result.job.id.value());
  TIMMY_FAILPOINT("schedule.before_tick");
  switch (result.outcome) {
    case TickOutcome::overlapped:
      record(unit, schedule, nominal, result.outcome, other + " has not ended", std::nullopt, now);
      break;
    case TickOutcome::duplicate:
      record(unit, schedule, nominal, result.outcome, other + " with its unique key waits already",
             std::nullopt, now);
      break;
    default: record(unit, schedule, nominal, result.outcome, std::nullopt, result.job.id, now);
  }
  TIMMY_FAILPOINT("schedule.after_tick");
  return result;
}

TickResult write_tick_by_hand(Unit& unit, std::string_view schedule, WallTime wall, Overlap overlap,
                              const NewJob& job, RecentTicks& recent, WallTime now) {
  // Schedules are due at whole milliseconds.
  WallTime nominal = std::chrono::floor<std::chrono::milliseconds>(wall) + Duration(1);
  while (is_recorded(unit, schedule, nominal)) nominal += Duration(1);
  const TickResult result = insert_instance(unit, nominal, overlap, job, recent, now);
  if (result.outcome == TickOutcome::inserted)
    record(unit, schedule, nominal, result.outcome, std::string(kByHand), result.job.id, now);
  return result;
}

int prune_ticks(Unit& unit, WallTime before, int limit) {
  unit.run(
      "DELETE FROM ticks WHERE (schedule, nominal) IN ("
      "  SELECT schedule, nominal FROM ticks AS t WHERE recorded<? AND nominal IS NOT ("
      "    SELECT max(nominal) FROM ticks AS r WHERE r.schedule=t.schedule AND r.job IS NOT NULL)"
      "  AND nominal IS NOT ("
      "    SELECT max(nominal) FROM ticks AS r WHERE r.schedule=t.schedule AND r.reason IS NOT ?)"
      "  LIMIT ?)",
      before, kByHand, limit);
  return static_cast<int>(unit.changes());
}

}  // namespace host
