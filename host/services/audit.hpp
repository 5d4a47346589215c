// SPDX-License-Identifier: Apache-2.0
//
// What was changed outside this host, and on whose word. Two tables: `audit`, a line for every
// write and every administrator's command; `intents`, a row that is committed before a write goes
// out and closed after its answer, so that a host that died in between knows what it may have done.
// Store thread, inside a unit of work; durable when that is committed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace host {

class Unit;

struct AuditEntry {
  WallTime at;
  std::string who;     // "plugin triage, job 7 of close_stale", "uid 0, pid 4211"
  std::string what;    // "gitea/1.add_labels", "jobs.cancel"
  std::string target;  // "org/app#12"
  std::string result;  // "ok", or the error
};
void write_audit(Unit& unit, const AuditEntry& entry);

// What is set is a part of the line's who or target, with its case.
struct AuditFilter {
  std::string who;
  std::string target;
};
struct AuditRow {
  std::int64_t id = 0;
  AuditEntry entry;
};
struct AuditPage {
  std::vector<AuditRow> rows;        // newest first; of a filter it may be fewer than asked for
  std::optional<std::int64_t> next;  // where the next page begins, as its `before`; empty: no more
};
// Looks at no more than 10,000 lines.
[[nodiscard]] AuditPage list_audit(Unit& unit, const AuditFilter& filter,
                                   std::optional<std::int64_t> before, int limit);

struct Intent {
  std::int64_t id = 0;
  RunId run;
  std::string method;   // "gitea/1.add_labels"
  std::string target;   // "org/app#12"
  std::string request;  // SHA-256 of the parameters, in hexadecimal
  std::string who{};    // as in AuditEntry
};
// Fenced: throws Error{stale} unless the run is its job's current one. Returns the row's id.
[[nodiscard]] std::int64_t open_intent(Unit& unit, const Intent& intent, WallTime now);
// `state`: "done" (the answer came, good or bad) or "lost" (the host died before it came; what was
// written is found out by reading back). Whether it was open till now.
bool close_intent(Unit& unit, std::int64_t id, std::string_view state, std::string_view result,
                  WallTime now);
// Those of runs that are over: their host died before the answer came. Oldest first.
[[nodiscard]] std::vector<Intent> open_intents(Unit& unit);

}  // namespace host
