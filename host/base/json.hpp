// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// Compiled once, in json.cpp: it is much of what each file that speaks JSON would compile.
extern template class nlohmann::basic_json<>;

namespace host {

using Json = nlohmann::json;

// nlohmann_json copies and prints by recursion, so depth is the stack's: a document from outside is
// refused before it can spend it.
inline constexpr int kJsonDepth = 64;

// Parses UTF-8 JSON (RFC 8259) that somebody else wrote. `what` names it in errors ("the reply of
// GET /user"). Throws Error{invalid} with line and column on bad syntax, a duplicate key, a number
// out of range, more than `depth` levels, and Error{too_large} on more than `values` values: two
// bytes of text, "[]", are some dozens of memory.
[[nodiscard]] Json parse_json(std::string_view text, std::string_view what, int depth = kJsonDepth,
                              std::size_t values = SIZE_MAX);

// Compact text. Bytes that are not UTF-8 become U+FFFD instead of throwing.
[[nodiscard]] std::string to_text(const Json& value);
// The same, indented by two spaces, for people.
[[nodiscard]] std::string to_indented_text(const Json& value);

}  // namespace host
