// SPDX-License-Identifier: Apache-2.0
//
// What is thrown away for its age, a small step at a time: a round goes through a table by id, from
// the start to where nothing can be old enough. Store thread. `before` is on the queue's timeline.
#pragma once

#include <cstdint>
#include <optional>

#include "queue/job.hpp"
#include "store/unit.hpp"

namespace host {

struct PruneStep {
  int removed = 0;
  std::optional<std::int64_t> next;  // the next step's `after`; nullopt: the round is over
};

// Each looks at the next `limit` rows with an id above `after`, and deletes what is old.

// Jobs of an ended state that ended before `before`, with their attempts. The newest job of all
// stays, so that no id is given twice.
PruneStep prune_jobs(Unit& unit, JobState state, WallTime before, std::int64_t after, int limit);
// Events and lines of the audit from before `before`.
PruneStep prune_events(Unit& unit, WallTime before, std::int64_t after, int limit);
PruneStep prune_audit(Unit& unit, WallTime before, std::int64_t after, int limit);
// Intents that were resolved before `before`. An open one stays for as long as it is open.
PruneStep prune_intents(Unit& unit, WallTime before, std::int64_t after, int limit);

}  // namespace host
