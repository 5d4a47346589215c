// SPDX-License-Identifier: Apache-2.0
//
// A YAML scalar's text as a JSON value, by the YAML 1.2 core schema
// (https://yaml.org/spec/1.2.2/#103-core-schema).
#pragma once

#include <string>

#include "base/json.hpp"

namespace host {

// `tag` as yaml-cpp reports it: "?" plain, "!" quoted or block, else the resolved tag. Throws
// Error{invalid} with the reason alone, without a place: an unknown tag, text that its tag does not
// allow, a number that JSON can't hold, an escaped NUL.
[[nodiscard]] Json scalar_value(const std::string& text, const std::string& tag);

}  // namespace host
