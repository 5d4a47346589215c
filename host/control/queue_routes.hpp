// SPDX-License-Identifier: Apache-2.0
//
// What the admin API does with queues, and with many jobs at once. Loop thread. Each throws
// Error{usage} for a wrong request.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "control/admin_api.hpp"

namespace host {

// A filter from {"state"?, "task"?, "held"?}, as strings of a query have them or as JSON.
[[nodiscard]] JobFilter filter_of(const Json& request);

// GET /v1/queues: what the host says of its queues, with the ready jobs of each task. "ready"
// counts up to 1,000, "more" says whether there are more. "oldest_ready_seconds" is how long the
// oldest ready job of the task or queue has waited, null when none is ready; with "maybe_older" one
// further back in a long line may have waited longer.
[[nodiscard]] Json queues_report(Json queues, const Counts& counts, WallTime now);
// The same by task, for GET /v1/status; tasks of no plugin that runs included.
[[nodiscard]] Json ready_report(const Counts& counts, WallTime now);

// POST /v1/jobs/count {filter}: {"count", "more"}, counted up to 1,000,000.
void count_matching(Queue& queue, const Json& request, Reply<Json> done);

// POST /v1/jobs/bulk {"action", "expect", filter}: does it to all that match, if exactly `expect`
// do: {"changed", "skipped", "stopping"}. A filter must name a state or a task.
void order_matching(Queue& queue, HostControl& control, const Json& request, Reply<Json> done);

// POST /v1/jobs/batch {"jobs": [{task, payload?, ...}, ...]}: all of them or none, at most 10,000:
// {"inserted", "duplicates", "first_id"}. Errors name the job by its place.
void insert_batch(Queue& queue, const HostControl& control, const Json& request, Reply<Json> done);

// A job as a request describes it. Throws also what HostControl::new_job throws.
[[nodiscard]] NewJob job_of(const HostControl& control, const Json& request);

// POST /v1/tasks/NAME/VERB and /v1/queues/NAME/VERB, pause or resume: {"paused", "changed"}.
void change_pause(Queue& queue, HostControl& control, Pausable kind, const std::string& name,
                  const std::string& verb, Reply<Json> done);

}  // namespace host
