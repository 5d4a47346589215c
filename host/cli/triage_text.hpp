// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

// The result of the plugin triage's gitea_issue_triage_explain, for people.
void print_triage(std::ostream& out, const Json& explanation);

}  // namespace host::cli
