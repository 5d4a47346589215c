// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>

#include "queue/controls.hpp"
#include "queue/job_model.hpp"
#include "queue/job_table.hpp"

namespace host {

// How long the queue under test keeps ended jobs.
inline constexpr Duration kKeep = std::chrono::hours(1);

// Everything that is stored, as far as it has a meaning.
struct Stored {
  std::map<std::int64_t, std::string> jobs;  // a line about each
  std::map<std::int64_t, std::string> saved;
  Pauses pauses;
};

// The jobs with what else is stored beside them.
struct QueueModel {
  JobModel jobs;
  std::map<std::int64_t, std::string> saved;
  Pauses pauses;

  static std::string line(const JobModel::Row& row) {
    const bool waits = JobModel::waits(row);
    const bool later = waits && row.state != JobState::available;
    return fmt::format(
        "{} {} priority {} attempt {}/{} crashes {} interrupted {} lease {} key '{}' of '{}' "
        "turn {} cancel {} held {} history {} parent {} progress '{}' due {} ended {}",
        row.task, name(row.state), row.priority, row.attempt, row.max_attempts, row.crashes,
        row.interrupted, row.lease, row.key, row.concurrency_key,
        row.turn || row.state != JobState::available, row.cancel, row.held, row.history,
        row.parent.value_or(0), row.progress, later && !row.held ? format_utc(*row.due) : "-",
        row.ended ? format_utc(*row.ended) : "-");
  }

  // Whether that is what is stored. What is old enough may have been pruned.
  [[nodiscard]] bool matches(const Stored& stored) const {
    for (const auto& [id, row] : jobs.rows) {
      const auto found = stored.jobs.find(id);
      const bool old = row.ended && *row.ended < jobs.now - kKeep && id != jobs.last;
      if (found == stored.jobs.end() ? !old : found->second != line(row)) return false;
    }
    for (const auto& [id, line] : stored.jobs)
      if (!jobs.rows.contains(id)) return false;
    return saved == stored.saved && pauses == stored.pauses;
  }
  void forget_pruned(const Stored& stored) {
    std::erase_if(jobs.rows, [&](const auto& row) { return !stored.jobs.contains(row.first); });
  }
};

inline Stored read_stored(Unit& unit) {
  Stored stored;
  auto& row = unit.query("SELECT id FROM jobs");
  std::vector<JobId> ids;
  while (row.step()) ids.emplace_back(row.integer(0));
  for (const auto id : ids) {
    const auto detail = read_job(unit, id);
    const Job& job = detail.job;
    stored.jobs[id.value()] =
        QueueModel::line({.task = job.task,
                          .state = job.state,
                          .priority = job.priority,
                          .attempt = job.attempt,
                          .max_attempts = job.max_attempts,
                          .crashes = job.crashes,
                          .interrupted = job.interrupted,
                          .lease = job.lease.value(),
                          .due = job.due,
                          .ended = job.ended_at,
                          .parent = job.parent ? std::optional(job.parent->value()) : std::nullopt,
                          .key = job.unique_key,
                          .concurrency_key = job.concurrency_key,
                          .progress = job.progress,
                          .turn = !job.waits_turn,
                          .cancel = job.cancel_requested_at.has_value(),
                          .held = !job.held.empty(),
                          .history = static_cast<int>(detail.attempts.size())});
  }
  auto& state = unit.query("SELECT CAST(key AS INTEGER), value FROM state");
  while (state.step()) stored.saved[state.integer(0)] = state.string(1);
  stored.pauses = read_pauses(unit);
  return stored;
}

}  // namespace host
