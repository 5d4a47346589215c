// SPDX-License-Identifier: Apache-2.0
//
// The SQL of schedules and ticks, as functions on a Unit. Store thread. `now` is the queue's
// timeline, `wall` the wall clock: cursors and nominal instants are the wall clock's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "queue/job.hpp"
#include "schedule/policy.hpp"
#include "store/unit.hpp"

namespace host {

// What the next tick of a schedule has to know of the earlier ones.
struct RecentTicks {
  WallTime newest = WallTime::min();  // no later instant is recorded, but for those by hand
  std::vector<JobId> open_jobs;       // of its ticks, not ended when last looked at; oldest first
};

// What is kept of a schedule.
struct StoredSchedule {
  WallTime cursor;  // its instants up to here have been dealt with
  bool paused = false;
  std::optional<WallTime> last_run;
  RecentTicks recent;
};

// Reads a schedule. One that is new, or had another spec or zone, starts at `wall`; a pause stays.
StoredSchedule open_schedule(Unit& unit, std::string_view name, std::string_view spec,
                             std::string_view zone, WallTime wall, WallTime now);

// Forgets all schedules but these (sorted) and paused ones: a plugin that is away for a moment must
// not come back running. Their ticks stay until they are pruned.
void keep_schedules(Unit& unit, const std::vector<std::string>& names);

// Moves the cursor when no tick's row does it.
void move_cursor(Unit& unit, std::string_view name, WallTime cursor, WallTime now);

// Resumed, a schedule goes on after `cursor`: what came due while it was paused is never made up.
void pause_schedule(Unit& unit, std::string_view name, WallTime now);
void resume_schedule(Unit& unit, std::string_view name, WallTime cursor, WallTime now);

// What became of a tick.
enum class TickOutcome {
  inserted,    // a job was made
  duplicate,   // a job with its unique key waits already
  overlapped,  // an earlier job of this schedule has not ended
  repeated,    // this instant was dealt with before; nothing was written
};
// "inserted", "duplicate", ... Static storage.
[[nodiscard]] std::string_view name(TickOutcome outcome) noexcept;

// Writes one tick, and its job if there is to be one. `recent` is the schedule's: jobs that ended
// are taken out, a new one is put in.
struct TickResult {
  TickOutcome outcome;
  // When inserted; when duplicate, the one that waits; when overlapped, the one that has not ended.
  Inserted job;
  std::vector<RunId> cancelled;  // runs of earlier jobs that gave way, once this is durable: to be
                                 // told to stop
};
TickResult write_tick(Unit& unit, std::string_view schedule, WallTime nominal, Overlap overlap,
                      const NewJob& job, RecentTicks& recent, WallTime now);

// As a tick, at `wall`, for somebody who asks for one. Only a job is recorded, at an instant that
// is no schedule's, so that neither the cursor nor a tick that is due takes notice of it.
TickResult write_tick_by_hand(Unit& unit, std::string_view schedule, WallTime wall, Overlap overlap,
                              const NewJob& job, RecentTicks& recent, WallTime now);

// Deletes ticks recorded before `before`, at most `limit`, and returns how many. Of each schedule
// its newest run stays, and its newest tick that nobody asked for by hand: they are its cursor.
int prune_ticks(Unit& unit, WallTime before, int limit);

}  // namespace host
