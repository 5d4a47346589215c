// SPDX-License-Identifier: Apache-2.0
#include "services/audit.hpp"

#include <limits>

#include "queue/job_table.hpp"
#include "store/unit.hpp"

namespace host {

void write_audit(Unit& unit, const AuditEntry& entry) {
  unit.run("INSERT INTO audit (at, who, what, target, result) VALUES (?1, ?2, ?3, ?4, ?5)",
           entry.at, entry.who, entry.what, entry.target, entry.result);
}

AuditPage list_audit(Unit& unit, const AuditFilter& filter, std::optional<std::int64_t> before,
                     int limit) {
  constexpr int kLooked = 10'000;
  auto& rows = unit.query(
      "SELECT id, at, who, what, target, result FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
      before.value_or(std::numeric_limits<std::int64_t>::max()), kLooked);
  const auto has = [](std::string_view text, const std::string& part) {
    return text.find(part) != std::string_view::npos;
  };
  AuditPage page;
  for (int looked = 1; rows.step(); ++looked) {
    const auto id = rows.integer(0);
    if (has(rows.text(2), filter.who) && has(rows.text(4), filter.target))
      page.rows.push_back(
          {id, {rows.time(1), rows.string(2), rows.string(3), rows.string(4), rows.string(5)}});
    if (looked < kLooked && std::ssize(page.rows) < limit) continue;
    page.next = id;
    break;
  }
  return page;
}

std::int64_t open_intent(Unit& unit, const Intent& intent, WallTime now) {
  require_current(unit, intent.run);
  unit.run(
      "INSERT INTO intents (job, lease, method, target, request_hash, who, state, created)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7)",
      intent.run.job, intent.run.lease, intent.method, intent.target, intent.request, intent.who,
      now);
  return unit.last_rowid();
}

bool close_intent(Unit& unit, std::int64_t id, std::string_view state, std::string_view result,
                  WallTime now) {
  unit.run(
      "UPDATE intents SET state = ?2, result = ?3, resolved = ?4 WHERE id = ?1 AND state = 'open'",
      id, state, result, now);
  return unit.changes() > 0;
}

std::vector<Intent> open_intents(Unit& unit) {
  auto& select = unit.query(
      "SELECT id, job, lease, method, target, request_hash, COALESCE(who, 'job ' || job)"
      " FROM intents WHERE state = 'open'"
      " AND NOT EXISTS(SELECT 1 FROM jobs WHERE jobs.id = intents.job AND jobs.state = 'running'"
      " AND jobs.run_lease = intents.lease) ORDER BY id");
  std::vector<Intent> open;
  while (select.step())
    open.push_back({select.integer(0),
                    {JobId(select.integer(1)), RunLease(select.integer(2))},
                    select.string(3),
                    select.string(4),
                    select.string(5),
                    select.string(6)});
  return open;
}

}  // namespace host
