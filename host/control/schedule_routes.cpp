// SPDX-License-Identifier: Apache-2.0
#include "control/schedule_routes.hpp"

#include <vector>

#include "config/json_schema.hpp"
#include "schedule/tick_table.hpp"

namespace host {
namespace {

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json();
}

ScheduleView known_schedule(const Scheduler& scheduler, const std::string& task) {
  if (auto view = scheduler.view(task)) return *view;
  std::vector<std::string> names;
  for (const auto& schedule : scheduler.list()) names.push_back(schedule.task->task);
  const auto meant = nearest(task, names);
  throw Error(
      Code::not_found, "no schedule \"" + task + "\" is in force here",
      (meant.empty() ? "" : "Did you mean \"" + meant + "\"? ") + "See timmy-host schedules list.");
}

std::string reason_of(const TickResult& result) {
  const std::string job = "job " + std::to_string(result.job.id.value());
  switch (result.outcome) {
    case TickOutcome::overlapped: return job + " has not ended";
    case TickOutcome::duplicate: return job + " with its unique key waits already";
    default: return "";
  }
}

Reply<bool> paused_reply(const std::string& task, bool paused, Reply<Json> done) {
  return [task, paused, done = std::move(done)](Result<bool> changed) {
    if (!changed.ok()) return done(changed.error());
    done(Json{{"schedule", task}, {"paused", paused}, {"changed", changed.value()}});
  };
}

}  // namespace

Json to_json(const ScheduleView& schedule) {
  const ScheduledTask& task = *schedule.task;
  return {{"task", task.task},
          {"schedule", task.schedule},
          {"zone", task.zone},
          {"catch_up", name(task.catch_up)},
          {"catchup_window", format_duration(task.catchup_window)},
          {"overlap", name(task.overlap)},
          {"delay_ms", task.delay / std::chrono::milliseconds(1)},
          {"paused", schedule.paused},
          {"next_run", time_or_null(schedule.next)},
          {"last_run", time_or_null(schedule.last_run)}};
}

Json schedules_report(const Scheduler& scheduler) {
  Json all = Json::array();
  for (const auto& schedule : scheduler.list()) all.push_back(to_json(schedule));
  return {{"schedules", std::move(all)}};
}

Json schedule_report(const Scheduler& scheduler, const std::string& task) {
  return to_json(known_schedule(scheduler, task));
}

void change_schedule(Scheduler& scheduler, const std::string& task, const std::string& verb,
                     Reply<Json> done) {
  static_cast<void>(known_schedule(scheduler, task));
  if (verb == "pause") return scheduler.pause(task, paused_reply(task, true, std::move(done)));
  if (verb == "resume") return scheduler.resume(task, paused_reply(task, false, std::move(done)));
  if (verb != "run")
    throw Error(Code::not_found, "a schedule has no \"" + verb + "\"", "Use pause, resume or run.");
  scheduler.run_now(task, [task, done = std::move(done)](Result<TickResult> result) {
    if (!result.ok()) return done(result.error());
    done(Json{{"schedule", task},
              {"outcome", name(result.value().outcome)},
              {"job", result.value().job.id.value()},
              {"reason", reason_of(result.value())}});
  });
}

}  // namespace host
