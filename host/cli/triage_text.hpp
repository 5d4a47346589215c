// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

// The result of the plugin triage's gitea_issue_triage_explain, for people. Throws Error{invalid}
// when it is of another shape, as one of a later plugin may be; then nothing is written.
void print_triage(std::ostream& screen, const Json& explanation);

}  // namespace host::cli
