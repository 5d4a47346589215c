// SPDX-License-Identifier: Apache-2.0
//
// The reports of app/forge_report.hpp as tables and counts.
#pragma once

#include <iosfwd>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace host::cli {

void print_pulls(std::ostream& out, const Json& report, WallTime now);
void print_issues(std::ostream& out, const Json& report, WallTime now);
void print_labels(std::ostream& out, const Json& report);
// A line for each thing that could not be read, and what to do.
void print_failures(std::ostream& err, const Json& failed);

// "12m", "5h", "3d", "7w", "2y": the largest unit that fits.
[[nodiscard]] std::string age_text(Duration age);

}  // namespace host::cli
