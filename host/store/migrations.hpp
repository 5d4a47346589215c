// SPDX-License-Identifier: Apache-2.0
//
// The schema, by version. `PRAGMA user_version` holds the version of a file.
//
// Times are microseconds since the epoch. STRICT tables. Version 1:
//   settings(key, value)                          store_id, stopped_cleanly, ...
//   instances(id, host, boot_id, pid, started)    one row per start of a host
//   jobs, attempts                                queue/job_table.cpp
//   schedules(name, spec, zone, cursor, paused, updated), ticks(schedule, nominal, outcome, reason,
//     job, recorded)                              schedule/; a tick is unique (schedule, nominal)
//   state(plugin, key, value, updated)            state/1
//   intents(id, job, lease, method, target, request_hash, state, result, created, resolved)
//   audit(id, at, who, what, target, result)
//   events(id, at, kind, subject, detail)         one row per notable change
//   quarantine(plugin, sha256, reason, since)
// Version 2:
//   jobs.concurrency_key, key_limit, waits_turn   queue/key_turns.cpp
//   pauses(kind, name, since)                     queue/controls.cpp
//   rate_limits(task, starts)                     queue/controls.cpp
// Version 3:
//   jobs.cpu, max_rss, output                     of the run that completed it; else NULL
//   history                                       a view: attempts, and those in jobs
// Version 4: jobs_scheduled and jobs_retryable instead of jobs_due; each state has its index.
// Version 5:
//   deliveries                                    of webhooks; control/delivery_table.cpp
// Version 6:
//   ledger                                        a row for each call that was paid for
//   accounts(day, dimension, name, ...)           its running totals; what is held and reserved
//   reservations, holds                           the open ones only
//   token_pauses(pipeline, cause, since, until)   tokens/
// Version 7: intents.who, as in audit, NULL in older rows; the ledger's issues without case
// Version 8: reservations.bypassable
// Version 9:
//   budget_waits(job, lease, until, generation)   services/budget_wait.cpp
// Version 10:
//   items, item_gates, item_claims                dispatch/item_store.cpp
// Version 11: items.rate_limits
#pragma once

#include "store/connection.hpp"

namespace host {

inline constexpr int kSchemaVersion = 12;
// "TMMY": says that a file is this program's.
inline constexpr std::int64_t kApplicationId = 0x544d4d59;

// Whether the open database is this program's, or empty. Writes nothing. Throws Error{corrupt} if
// it is somebody else's, {invalid} if its schema is newer than this program.
void check_ownership(Connection& connection);

// check_ownership(), then brings the open database to `version` in one transaction, if it is older.
// Only tests stop at an older one.
void migrate(Connection& connection, int version = kSchemaVersion);

}  // namespace host
