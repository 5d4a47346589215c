// SPDX-License-Identifier: Apache-2.0
#include "queue/key_turns.hpp"

namespace host {

bool give_turns(Unit& unit, std::string_view task, std::string_view key) {
  auto& limit = unit.query(
      "SELECT key_limit, (SELECT count(*) FROM jobs WHERE task=?1 AND concurrency_key=?2 AND "
      "waits_turn=0 AND state IN ('available','running')) FROM jobs WHERE task=?1 AND "
      "concurrency_key=?2 AND waits_turn=1 AND state IN ('available','running') "
      "ORDER BY rank, id LIMIT 1",
      task, key);
  if (!limit.step()) return false;
  const auto room = limit.integer(0) - limit.integer(1);
  limit.reset();
  if (room <= 0) return false;
  unit.run(
      "UPDATE jobs SET waits_turn=0 WHERE id IN (SELECT id FROM jobs WHERE task=? AND "
      "concurrency_key=? AND waits_turn=1 AND state IN ('available','running') "
      "ORDER BY rank, id LIMIT ?)",
      task, key, room);
  return true;
}

}  // namespace host
