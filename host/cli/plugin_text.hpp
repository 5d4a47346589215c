// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

// A plugin of the admin API, for people: also what its config takes, a line a key.
// `cage`: the layers of this machine, as the admin API has them; empty: not known.
void print_plugin(std::ostream& out, const Json& plugin, const Json& cage);

// A line that says which layer holds every plugin to what, and what none does here. Nothing where
// the layers are not known.
void print_layers(std::ostream& out, const Json& cage);

}  // namespace host::cli
