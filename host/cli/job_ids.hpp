// SPDX-License-Identifier: Apache-2.0
//
// What the commands that take the ids of jobs have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/command.hpp"

namespace host::cli {

// ID [ID ...], as arguments or as --id.
void declare_job_ids(options::options_description& own,
                     options::positional_options_description& positional);
// Throws Error{usage} if there is none.
[[nodiscard]] std::vector<std::int64_t> job_ids(const options::variables_map& given);

// {"jobs": [...]}, as `jobs list --json` has it, whatever was done to them. 0.
int print_jobs_json(Session& session, Json jobs);

}  // namespace host::cli
