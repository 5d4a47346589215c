// SPDX-License-Identifier: Apache-2.0
//
// The inner types of the scheduler, for its own source files: scheduler.cpp turns instants into
// ticks, scheduler_control.cpp does what an operator asks for.
#pragma once

#include "schedule/scheduler.hpp"
#include "schedule/tick_table.hpp"

namespace host {

// A schedule in force.
struct Scheduler::Entry {
  std::shared_ptr<const ScheduledTask> task;
  Schedule schedule;
  WallTime cursor{};
  bool paused = false;
  std::optional<WallTime> next;  // instant; due `task->delay` later
  std::optional<WallTime> last_run;
  RecentTicks recent;

  [[nodiscard]] std::optional<WallTime> due() const {
    return next ? std::optional(*next + task->delay) : std::nullopt;
  }
};

// The ticks of one schedule that are written in one transaction.
struct Scheduler::Firing {
  std::size_t index;
  std::shared_ptr<const ScheduledTask> task;
  std::vector<WallTime> nominals;  // to be written, oldest first
  WallTime cursor;                 // the newest instant that was due
  RecentTicks recent;
  std::size_t missed = 0;  // not made up
  WallTime first_missed{};
};

struct Scheduler::Fired {
  std::vector<TickResult> results;  // as nominals
  RecentTicks recent;
};

struct Scheduler::Request {
  std::vector<Entry> entries;
  Reply<Done> done;
};

// Runs `work` on the store, with nothing else of this scheduler under way; then `then`.
template <class V, class Work, class Then>
void Scheduler::ask(Work work, Then then) {
  busy_ = true;
  std::weak_ptr<Scheduler*> weak = self_;
  store_.run(std::move(work), [weak, then = std::move(then)](Result<V> result) mutable {
    const auto self = weak.lock();
    if (!self) return;
    Scheduler& scheduler = **self;
    scheduler.busy_ = false;
    then(std::move(result));
    scheduler.pump();
  });
}

}  // namespace host
