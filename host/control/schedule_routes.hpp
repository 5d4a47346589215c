// SPDX-License-Identifier: Apache-2.0
//
// What the admin API says of schedules and does with them. Loop thread.
#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "schedule/scheduler.hpp"

namespace host {

// task, schedule, zone, catch_up, catchup_window (as a duration), overlap, delay_ms (of its
// jitter), paused, next_run, last_run (UTC, null when there is none).
[[nodiscard]] Json to_json(const ScheduleView& schedule);

// {"schedules": [...]}, by name.
[[nodiscard]] Json schedules_report(const Scheduler& scheduler);

// One of them. Throws Error{not_found} with the nearest name.
[[nodiscard]] Json schedule_report(const Scheduler& scheduler, const std::string& task);

// `verb` is pause, resume or run. What `done` gets: {"schedule", "paused", "changed"}, or for a run
// {"schedule", "outcome", "job", "reason"}: outcome inserted, duplicate or overlapped; `job` is the
// new one, or the one that stands in its way. Throws Error{not_found}.
void change_schedule(Scheduler& scheduler, const std::string& task, const std::string& verb,
                     Reply<Json> done);

}  // namespace host
