// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace host::cli {

// What `--help` prints, in lines of at most 80 columns where words allow it.

// The program as a whole.
void print_overview(std::ostream& out, const std::vector<Command>& commands);
// The commands that begin with `word`: "jobs".
void print_group(std::ostream& out, const std::string& word, const std::vector<Command>& commands);
// One command. `own` are its options, `common` those that others take too.
void print_help(std::ostream& out, const Command& command, const options::options_description& own,
                const options::options_description& common);

}  // namespace host::cli
