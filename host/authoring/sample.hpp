// SPDX-License-Identifier: Apache-2.0
//
// Values made up for a schema.
#pragma once

#include <random>

#include "base/json.hpp"

namespace host {

// A value that probably fits `schema` (the subset of json_schema.hpp): of its types, within its
// bounds, with each optional property there or not. What can't be made up, such as a text for a
// pattern, is taken from the schema's examples, default, const or enum where it has one. Validate
// it before use. Never throws for what the schema holds.
[[nodiscard]] Json sample(const Json& schema, std::mt19937& random);

// `value` with one of its parts, chosen by chance, replaced by something of another kind, taken
// out, or doubled.
[[nodiscard]] Json spoiled(Json value, std::mt19937& random);

}  // namespace host
