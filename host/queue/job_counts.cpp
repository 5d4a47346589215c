// SPDX-License-Identifier: Apache-2.0
//
// How many jobs there are, and since when they wait. No part of it may cost more with a million
// waiting than with a hundred: it runs on the store's thread at each look at the host.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "queue/job_rules.hpp"
#include "queue/job_table.hpp"

namespace host {
namespace {

constexpr std::size_t kTasksCap = 1'000;
constexpr int kOldestLook = 100;      // jobs looked at for the oldest of a task
constexpr int kOldestLooks = 20'000;  // the same over all tasks; past it one of each
constexpr int kLowestPriority = 9;

constexpr std::array kStates{JobState::scheduled, JobState::available, JobState::running,
                             JobState::retryable, JobState::completed, JobState::cancelled,
                             JobState::discarded};

std::int64_t count_state(Unit& unit, JobState state, std::int64_t cap) {
  auto& row = unit.query(fmt::format("SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_{0} "
                                     "WHERE state='{0}' LIMIT ?)",
                                     name(state)),
                         cap);
  row.step();
  const auto count = row.integer(0);
  row.reset();
  return count;
}

// Statements of their own, and each by the order of its index: in one statement SQLite sorts every
// job of the task, and counts for each.
std::optional<std::string> next_task(Unit& unit, const std::string& after) {
  auto& row = unit.query(
      "SELECT task FROM jobs WHERE state='available' AND task > ? ORDER BY task LIMIT 1", after);
  if (!row.step()) return std::nullopt;
  auto task = row.string(0);
  row.reset();
  return task;
}

std::int64_t count_task(Unit& unit, const std::string& task, std::int64_t cap) {
  auto& row = unit.query(
      "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state='available' AND task=? AND "
      "waits_turn=0 LIMIT ?)",
      task, cap);
  row.step();
  const auto count = row.integer(0);
  row.reset();
  return count;
}

// Looks along the line of those that have their turn, or of those that wait for it. The line goes
// by rank: one further on can be older only by what the lowest priority is worth.
void look_for_oldest(Unit& unit, bool waits_turn, int& looks, ReadyCount& ready) {
  auto& row = unit.query(
      "SELECT coalesce(due, inserted_at), rank FROM jobs WHERE state='available' AND task=? AND "
      "waits_turn=? ORDER BY rank",
      ready.task, waits_turn);
  for (int looked = 1; row.step(); ++looked) {
    const auto since = row.time(0);
    if (looked == 1 && !waits_turn) ready.next_since = since;
    ready.oldest_since = std::min(ready.oldest_since, since);
    if (row.time(1) - kLowestPriority * kPriorityStep >= ready.oldest_since) break;
    if (--looks > 0 && looked < kOldestLook) continue;
    ready.maybe_older = row.step() || ready.maybe_older;
    break;
  }
  row.reset();
}

}  // namespace

Counts count_jobs(Unit& unit, CountCaps caps) {
  Counts counts;
  for (const auto state : kStates) {
    const auto count = count_state(unit, state, caps.of_state + 1);
    counts.states.push_back({state, std::min(count, caps.of_state), count > caps.of_state});
  }
  int looks = kOldestLooks;
  for (std::string task; counts.ready.size() < kTasksCap;) {
    const auto next = next_task(unit, task);
    if (!next) break;
    task = *next;
    const auto count = count_task(unit, task, caps.of_task + 1);
    ReadyCount ready{.task = task,
                     .count = std::min(count, caps.of_task),
                     .capped = count > caps.of_task,
                     .next_since = {},
                     .oldest_since = WallTime::max()};
    look_for_oldest(unit, false, looks, ready);
    look_for_oldest(unit, true, looks, ready);
    counts.ready.push_back(std::move(ready));
  }
  return counts;
}

}  // namespace host
