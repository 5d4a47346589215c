// SPDX-License-Identifier: Apache-2.0
#include "queue/pruning.hpp"

#include <fmt/format.h>

#include <vector>

namespace host {
namespace {

// `sql` gives of each row its id, when it came to be, and when it came to its end, NULL while it
// has not. Rows come in the order of their making, so nothing behind a young one is old enough.
struct Found {
  std::vector<std::int64_t> old;
  std::optional<std::int64_t> next;
};
Found find_old(Unit& unit, std::string_view sql, WallTime before, std::int64_t after, int limit) {
  Found found;
  auto& row = unit.query(sql, after, limit);
  int looked = 0;
  for (; row.step(); ++looked) {
    const auto ended = row.optional_time(2);
    if (ended && *ended < before) found.old.push_back(row.integer(0));
    if (row.time(1) < before)
      found.next = row.integer(0);
    else
      found.next.reset();
  }
  if (looked < limit) found.next.reset();
  return found;
}

PruneStep prune(Unit& unit, std::string_view find, std::string_view remove, WallTime before,
                std::int64_t after, int limit) {
  const auto found = find_old(unit, find, before, after, limit);
  for (const auto id : found.old) unit.run(remove, id);
  return {static_cast<int>(found.old.size()), found.next};
}

}  // namespace

PruneStep prune_jobs(Unit& unit, JobState state, WallTime before, std::int64_t after, int limit) {
  const auto found = find_old(
      unit,
      fmt::format("SELECT id, inserted_at, ended_at FROM jobs INDEXED BY jobs_{0} WHERE "
                  "state='{0}' AND id > ? AND id < (SELECT max(id) FROM jobs) ORDER BY id LIMIT ?",
                  name(state)),
      before, after, limit);
  for (const auto id : found.old) {
    unit.run("DELETE FROM attempts WHERE job=?", id);
    unit.run("DELETE FROM jobs WHERE id=?", id);
  }
  return {static_cast<int>(found.old.size()), found.next};
}

PruneStep prune_events(Unit& unit, WallTime before, std::int64_t after, int limit) {
  return prune(unit, "SELECT id, at, at FROM events WHERE id > ? ORDER BY id LIMIT ?",
               "DELETE FROM events WHERE id=?", before, after, limit);
}

PruneStep prune_audit(Unit& unit, WallTime before, std::int64_t after, int limit) {
  return prune(unit, "SELECT id, at, at FROM audit WHERE id > ? ORDER BY id LIMIT ?",
               "DELETE FROM audit WHERE id=?", before, after, limit);
}

PruneStep prune_intents(Unit& unit, WallTime before, std::int64_t after, int limit) {
  return prune(unit,
               "SELECT id, created, CASE WHEN state <> 'open' THEN resolved END FROM intents "
               "WHERE id > ? ORDER BY id LIMIT ?",
               "DELETE FROM intents WHERE id=?", before, after, limit);
}

}  // namespace host
