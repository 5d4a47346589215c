// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "config/document.hpp"

namespace host {

// A JSON file with the place of every value, as parse_yaml() gives for YAML. Throws what
// parse_json() throws, bad syntax with its "file:line:col: "; `file` is the name for positions.
// Thread-safe.
[[nodiscard]] Document parse_json_document(std::string_view text, std::string file);

}  // namespace host
