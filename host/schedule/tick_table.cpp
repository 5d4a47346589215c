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

std::string_view name(TickOutcome outcome) {
  switch (outcome) {
    case TickOutcome::inserted: return "inserted";
    case TickOutcome::duplicate: return "duplicate";
    case TickOutcome::overlapped: return "overlapped";
    case TickOutcome::repeated: break;
  }
  return "repeated";
}

bool has_ended(Unit& unit, JobId job) {
  auto& found = unit.query(
      "SELECT 1 FROM jobs WHERE id=? AND state NOT IN ('completed','cancelled','discarded')", job);
  return !found.step();
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

std::size_t room(Overlap overlap) {
  switch (overlap) {
    case Overlap::skip: return 1;
    case Overlap::buffer_one: return 2;
    default: return SIZE_MAX;
  }
}

void record(Unit& unit, std::string_view schedule, WallTime nominal, TickOutcome outcome,
            std::optional<std::string> reason, std::optional<JobId> job, WallTime now) {
  unit.run(
      "INSERT INTO ticks(schedule, nominal, outcome, reason, job, recorded) VALUES(?,?,?,?,?,?)",
      schedule, nominal, name(outcome), reason, job, now);
}

}  // namespace

StoredSchedule open_schedule(Unit& unit, std::string_view name, std::string_view spec,
                             std::string_view zone, WallTime wall, WallTime now) {
  StoredSchedule stored{wall, std::nullopt, {}};
  auto& row = unit.query("SELECT cursor FROM schedules WHERE name=? AND spec=? AND zone=?", name,
                         spec, zone);
  if (row.step()) {
    stored.cursor = row.optional_time(0).value_or(wall);
    // Ticks move the cursor too. Those ahead of the clock were written while it was wrong.
    auto& newest =
        unit.query("SELECT max(nominal) FROM ticks WHERE schedule=? AND nominal<=?", name, wall);
    if (newest.step())
      stored.cursor = std::max(stored.cursor, newest.optional_time(0).value_or(stored.cursor));
  } else {
    unit.run(
        "INSERT INTO schedules(name, spec, zone, cursor, updated) VALUES(?,?,?,?,?) "
        "ON CONFLICT(name) DO UPDATE SET spec=excluded.spec, zone=excluded.zone, "
        "cursor=excluded.cursor, updated=excluded.updated",
        name, spec, zone, wall, now);
  }
  auto& last = unit.query(
      "SELECT nominal FROM ticks WHERE schedule=? AND job IS NOT NULL ORDER BY nominal DESC LIMIT "
      "1",
      name);
  if (last.step()) stored.last_run = last.time(0);
  stored.open_jobs = read_open_jobs(unit, name);
  return stored;
}

void keep_schedules(Unit& unit, const std::vector<std::string>& names) {
  std::vector<std::string> gone;
  auto& rows = unit.prepare("SELECT name FROM schedules");
  while (rows.step())
    if (!std::binary_search(names.begin(), names.end(), rows.text(0)))
      gone.push_back(rows.string(0));
  for (const auto& name : gone) unit.run("DELETE FROM schedules WHERE name=?", name);
}

void move_cursor(Unit& unit, std::string_view name, WallTime cursor, WallTime now) {
  unit.run("UPDATE schedules SET cursor=?, updated=? WHERE name=?", cursor, now, name);
}

void move_all_cursors(Unit& unit, WallTime cursor, WallTime now) {
  unit.run("UPDATE schedules SET cursor=?, updated=?", cursor, now);
}

TickResult write_tick(Unit& unit, std::string_view schedule, WallTime nominal, Overlap overlap,
                      const NewJob& job, std::vector<JobId>& open_jobs, WallTime now) {
  auto& before =
      unit.query("SELECT 1 FROM ticks WHERE schedule=? AND nominal=?", schedule, nominal);
  if (before.step()) return {TickOutcome::repeated, {}};

  const std::size_t most = room(overlap);
  if (most != SIZE_MAX) {
    std::erase_if(open_jobs, [&unit](JobId open) { return has_ended(unit, open); });
    if (open_jobs.size() >= most) {
      record(unit, schedule, nominal, TickOutcome::overlapped,
             "job " + std::to_string(open_jobs.back().value()) + " has not ended", std::nullopt,
             now);
      return {TickOutcome::overlapped, {}};
    }
  }
  NewJob instance = job;
  instance.nominal = nominal;
  const Inserted inserted = insert_job(unit, instance, now);
  if (inserted.duplicate) {
    record(unit, schedule, nominal, TickOutcome::duplicate,
           "job " + std::to_string(inserted.id.value()) + " with its unique key waits already",
           std::nullopt, now);
    return {TickOutcome::duplicate, inserted};
  }
  TIMMY_FAILPOINT("schedule.before_tick");
  record(unit, schedule, nominal, TickOutcome::inserted, std::nullopt, inserted.id, now);
  TIMMY_FAILPOINT("schedule.after_tick");
  if (most != SIZE_MAX) open_jobs.push_back(inserted.id);
  return {TickOutcome::inserted, inserted};
}

void prune_ticks(Unit& unit, WallTime before, int limit) {
  unit.run(
      "DELETE FROM ticks WHERE (schedule, nominal) IN ("
      "  SELECT schedule, nominal FROM ticks AS t WHERE recorded<? AND nominal IS NOT ("
      "    SELECT max(nominal) FROM ticks AS r WHERE r.schedule=t.schedule AND r.job IS NOT NULL)"
      "  LIMIT ?)",
      before, limit);
}

}  // namespace host
