// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.hpp"
#include "queue/job.hpp"

namespace host {

// A job as the admin API and `--json` show it. Times are RFC 3339 in UTC, durations milliseconds.
[[nodiscard]] Json to_json(const Job& job);
// The same with "attempts", oldest first.
[[nodiscard]] Json to_json(const JobDetail& detail);
// {"jobs", "next"}; what was too long for a list has no "payload" or "result", and "abridged" true.
[[nodiscard]] Json to_json(const JobList& list);

}  // namespace host
