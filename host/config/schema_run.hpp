// SPDX-License-Identifier: Apache-2.0
//
// What a loaded schema does to a value.
#pragma once

#include <vector>

#include "config/schema_node.hpp"

namespace host {

// See JsonSchema::validate.
[[nodiscard]] std::vector<Violation> violations(const SchemaNode& node, const Json& value);

// See JsonSchema::with_defaults. Throws Error{too_large} when filling in does not end.
void fill_defaults(const SchemaNode& node, Json& value);

// Whether JSON Schema calls this an integer: 1.0 is one.
[[nodiscard]] bool is_integer(const Json& value);

}  // namespace host
