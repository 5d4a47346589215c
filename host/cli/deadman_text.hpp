// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "deadman/rehearsal.hpp"
#include "deadman/standing.hpp"

namespace host::cli {

// {"KEY": [...]}
void print_json(std::ostream& out, const std::string& key,
                const std::vector<deadman::Record>& records);
void print_records(std::ostream& out, const std::vector<deadman::Record>& records);

void print_standings(std::ostream& out, const std::vector<deadman::Standing>& standings,
                     bool dry_run, bool json);

void print_rehearsal(std::ostream& out, const deadman::Watch& watch,
                     const std::vector<deadman::Rehearsed>& all,
                     const std::vector<std::string>& shortcomings, bool json);

// A line for each watch that a person should look at, of the report in /v1/tasks.
void print_deadman_attention(std::ostream& out, const Json& report);

}  // namespace host::cli
