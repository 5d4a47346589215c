// SPDX-License-Identifier: Apache-2.0
#include "config/json_schema.hpp"

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "config/schema_node.hpp"
#include "config/schema_run.hpp"

namespace host {

JsonSchema::JsonSchema(Json schema, std::string_view name)
    : compiled_(std::make_shared<const Compiled>(std::move(schema), name)) {}

std::vector<Violation> JsonSchema::validate(const Json& value) const {
  return violations(*compiled_->root, value);
}

Json JsonSchema::with_defaults(Json value) const {
  fill_defaults(*compiled_->root, value);
  return value;
}

const Json& JsonSchema::json() const { return compiled_->json; }

std::string to_text(const Violation& violation) {
  std::string text = violation.message;
  if (!violation.expected.empty()) text += ", expected " + violation.expected;
  if (!violation.nearest.empty()) text += fmt::format("; did you mean \"{}\"?", violation.nearest);
  return text;
}

}  // namespace host
