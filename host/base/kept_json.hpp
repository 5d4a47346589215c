// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/json.hpp"

namespace host {

// parse_json() for what is written out again and must come back as it was: throws Error{invalid}
// too on a whole number that does not fit into 64 bits. Numbers keep their value, not their
// spelling: 1.10 becomes 1.1.
[[nodiscard]] Json parse_kept_json(std::string_view text, std::string_view what);

}  // namespace host
