// SPDX-License-Identifier: Apache-2.0
//
// A schema and a value in words, for messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/schema_node.hpp"

namespace host {

// "5", "true", "\"text\"" (long text cut), "nothing", "a list", "a map".
[[nodiscard]] std::string describe_value(const Json& value);

// What a schema asks for: "a whole number from 1 to 9", "one of a, b, c", "text such as \"90s\"".
[[nodiscard]] std::string describe(const SchemaNode& node);
[[nodiscard]] std::string describe_choices(const std::vector<Json>& choices);
[[nodiscard]] std::string describe_pattern(const SchemaNode& node);
// Several schemas, of which one is to fit.
[[nodiscard]] std::string describe_alternatives(const std::vector<const SchemaNode*>& nodes);
// The texts that their enum or const allow.
[[nodiscard]] std::vector<std::string> words_of(const std::vector<const SchemaNode*>& nodes);
// "no keys", or "one of these: a, b, c"; cut when long.
[[nodiscard]] std::string describe_names(const std::vector<std::string>& names);

// The types that a schema names, its own or through $ref.
[[nodiscard]] std::vector<std::string> type_of(const SchemaNode& node);

}  // namespace host
