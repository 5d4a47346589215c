// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/json.hpp"

namespace host {

// Calls `visit` for every part of `value` with each schema that speaks about it, outside in:
// through properties, additionalProperties, items, allOf and local $ref. `visit` may change the
// part. Not through anyOf, oneOf and if, where which branch applies is not known beforehand. Throws
// Error{too_large} past 250,000 steps.
void walk_schema(Json& value, const Json& schema,
                 const std::function<void(Json& part, const Json& schema)>& visit);

// `value` without the keys that `schema` refuses as unknown ("additionalProperties": false).
[[nodiscard]] Json without_unknown_keys(Json value, const Json& schema);

}  // namespace host
