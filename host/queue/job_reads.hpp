// SPDX-License-Identifier: Apache-2.0
//
// For queue/ only: what job_table.hpp doesn't offer to others.
#pragma once

#include <vector>

#include "queue/job_table.hpp"

namespace host {

// The first `limit` jobs of the range that match, oldest first.
[[nodiscard]] std::vector<JobId> matching_ids(Unit& unit, const JobFilter& filter, JobRange range,
                                              int limit);

}  // namespace host
