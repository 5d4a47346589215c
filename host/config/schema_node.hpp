// SPDX-License-Identifier: Apache-2.0
//
// A schema as loaded: each keyword checked once, references resolved, patterns compiled.
#pragma once

#include <re2/re2.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_schema.hpp"

namespace host {

// One (sub)schema. Pointers are to nodes of the same Compiled, which owns them all; `ref` may lead
// back up, everything else down.
struct SchemaNode {
  std::string where;   // JSON pointer in the schema
  bool never = false;  // the schema `false`

  std::vector<std::string> types;
  std::vector<std::vector<Json>> choices;  // enum; const is a list of one; each must hold the value
  std::map<std::string, const SchemaNode*> properties;
  std::vector<std::string> required;
  const SchemaNode* additional = nullptr;
  const SchemaNode* items = nullptr;
  std::optional<Json> minimum, maximum, exclusive_minimum, exclusive_maximum;
  std::optional<std::uint64_t> min_length, max_length, min_items, max_items;
  bool unique_items = false;
  std::unique_ptr<RE2> pattern;
  std::vector<const SchemaNode*> all_of, any_of, one_of;
  const SchemaNode* no = nullptr;  // not
  const SchemaNode* condition = nullptr;
  const SchemaNode* then = nullptr;
  const SchemaNode* otherwise = nullptr;
  const SchemaNode* ref = nullptr;
  std::optional<Json> fallback;  // default
  std::optional<Json> example;   // the first of `examples`, for messages
};

struct JsonSchema::Compiled {
  Compiled(Json schema, std::string_view name);

  Json json;
  std::map<std::string, std::unique_ptr<SchemaNode>> nodes;  // by `where`
  const SchemaNode* root = nullptr;
};

}  // namespace host
