// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

// A plugin of the admin API, for people: also what its config takes, a line a key.
void print_plugin(std::ostream& out, const Json& plugin);

}  // namespace host::cli
