// SPDX-License-Identifier: Apache-2.0
//
// Results of the plugin provenance's tasks, for people. Each throws Error{invalid} for one of
// another shape, as a later plugin's may be; then nothing is written.
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

void print_ingested(std::ostream& screen, const Json& result);
void print_validated(std::ostream& screen, const Json& result);
void print_provenance(std::ostream& screen, const Json& report);
void print_session(std::ostream& screen, const Json& explanation);

}  // namespace host::cli
