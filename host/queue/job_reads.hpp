// SPDX-License-Identifier: Apache-2.0
//
// For queue/ only: what job_table.hpp doesn't offer to others.
#pragma once

#include <optional>
#include <vector>

#include "queue/job.hpp"
#include "store/unit.hpp"

namespace host {

// The first `limit` jobs behind `after` that match, oldest first.
[[nodiscard]] std::vector<JobId> matching_ids(Unit& unit, const JobFilter& filter,
                                              std::optional<JobId> after, int limit);

}  // namespace host
