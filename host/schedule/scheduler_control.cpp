// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "schedule/scheduler_parts.hpp"

namespace host {

// Looked up when its turn has come: a set() before it may have taken the schedule away.
template <class V>
void Scheduler::request_on(const std::string& task, Reply<V> done,
                           std::function<void(Entry&, WallTime, Reply<V>)> step) {
  request([this, task, done = std::move(done), step = std::move(step)](WallTime now) {
    const auto found = by_task_.find(task);
    if (found != by_task_.end()) return step(entries_[found->second], now, done);
    done(Error(Code::not_found, "no schedule \"" + task + "\" is in force here",
               "See timmy-host schedules list."));
    pump();
  });
}

void Scheduler::pause(const std::string& task, Reply<bool> done) {
  request_on<bool>(task, std::move(done), [this](Entry& entry, WallTime now, Reply<bool> reply) {
    set_paused(entry, true, now, std::move(reply));
  });
}

void Scheduler::resume(const std::string& task, Reply<bool> done) {
  request_on<bool>(task, std::move(done), [this](Entry& entry, WallTime now, Reply<bool> reply) {
    set_paused(entry, false, now, std::move(reply));
  });
}

void Scheduler::set_paused(Entry& entry, bool paused, WallTime wall, Reply<bool> done) {
  const bool changes = entry.paused != paused;
  // Never backwards: a clock that was put back has instants ahead that were dealt with.
  const WallTime cursor =
      changes && !paused ? std::max(entry.cursor, wall - entry.task->delay) : entry.cursor;
  auto work = [name = entry.task->task, paused, changes, cursor, now = queue_.now()](Unit& unit) {
    if (!changes) return;
    if (paused)
      pause_schedule(unit, name, now);
    else
      resume_schedule(unit, name, cursor, now);
  };
  ask<Done>(std::move(work), [this, &entry, paused, changes, cursor, done](Status stored) {
    if (!stored.ok()) return done(stored.error());
    entry.paused = paused;
    entry.cursor = cursor;
    fill_heap();
    done(changes);
  });
}

void Scheduler::run_now(const std::string& task, Reply<TickResult> done) {
  request_on<TickResult>(task, std::move(done),
                         [this](Entry& entry, WallTime now, Reply<TickResult> reply) {
                           insert_by_hand(entry, now, std::move(reply));
                         });
}

void Scheduler::insert_by_hand(Entry& entry, WallTime wall, Reply<TickResult> done) {
  auto work = [task = entry.task, recent = entry.recent, wall, now = queue_.now()](Unit& unit) {
    RecentTicks after = recent;  // the store may run this more than once
    auto result =
        write_tick_by_hand(unit, task->task, wall, task->overlap, task->prototype, after, now);
    return std::pair(std::move(result), std::move(after));
  };
  using Outcome = std::pair<TickResult, RecentTicks>;
  ask<Outcome>(std::move(work), [this, &entry, wall, done](Result<Outcome> outcome) {
    if (!outcome.ok()) return done(outcome.error());
    const TickResult& result = outcome.value().first;
    entry.recent = outcome.value().second;
    stop_others(*entry.task, result);
    if (result.outcome == TickOutcome::inserted) {
      ++stats_.ticks;
      entry.last_run = wall;
      queue_.note_inserted(entry.task->task, result.job.due);
    }
    done(result);
  });
}

ScheduleView Scheduler::view_of(const Entry& entry) {
  return {entry.task, entry.paused, entry.due(), entry.last_run};
}

std::vector<ScheduleView> Scheduler::list() const {
  std::vector<ScheduleView> all;
  for (const auto& entry : entries_) all.push_back(view_of(entry));
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.task->task < b.task->task; });
  return all;
}

std::optional<ScheduleView> Scheduler::view(std::string_view task) const {
  const Entry* entry = find(task);
  return entry != nullptr ? std::optional(view_of(*entry)) : std::nullopt;
}

const Scheduler::Entry* Scheduler::find(std::string_view task) const {
  const auto found = by_task_.find(task);
  return found == by_task_.end() ? nullptr : &entries_[found->second];
}

std::optional<WallTime> Scheduler::next_run(std::string_view task) const {
  const Entry* entry = find(task);
  return entry != nullptr ? entry->due() : std::nullopt;
}

std::optional<WallTime> Scheduler::last_run(std::string_view task) const {
  const Entry* entry = find(task);
  return entry != nullptr ? entry->last_run : std::nullopt;
}

}  // namespace host
