// SPDX-License-Identifier: Apache-2.0
//
// A validator for a stated subset of JSON Schema 2020-12
// (https://json-schema.org/draft/2020-12/json-schema-validation):
//   type properties required additionalProperties items enum const minimum maximum exclusiveMinimum
//   exclusiveMaximum minLength maxLength pattern minItems maxItems uniqueItems anyOf oneOf allOf
//   not if/then/else $ref (into the same document) $defs default
// and as annotations, without effect: $schema $id $comment title description examples format
// deprecated. Any other keyword is refused when the schema is loaded, so that nothing a schema says
// is silently left unchecked.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace host {

// One way in which a value does not fit its schema.
struct Violation {
  std::string pointer;   // JSON pointer of the value at fault
  std::string message;   // "is a number", "unknown key \"enabeld\""
  std::string expected;  // "true or false"; empty when the message says it
  std::string nearest;   // the known key or value that was probably meant; may be empty
  bool at_key = false;   // the key is at fault, not its value
};

// "message, expected ...; did you mean ...?" without the place.
[[nodiscard]] std::string to_text(const Violation& violation);

// A loaded schema. Immutable, cheap to copy, thread-safe.
class JsonSchema {
 public:
  // Throws Error{invalid} that lists everything wrong with the schema: unsupported keywords,
  // malformed values, patterns that RE2 does not take, references that lead nowhere or in a circle
  // without going down into the value, a `default` that its own schema refuses. `name` is what
  // errors call it. The schema is read to kJsonDepth levels.
  explicit JsonSchema(Json schema, std::string_view name = "the schema");

  // Every violation, in the order of the schema; empty when the value fits. Throws Error{too_large}
  // when a schema and a value together ask for more than a million steps.
  [[nodiscard]] std::vector<Violation> validate(const Json& value) const;

  // The value with each missing property that has a `default` filled in, recursively: through
  // properties, additionalProperties, items, allOf and $ref; not through anyOf, oneOf, not and if,
  // where which branch applies is not known beforehand. Does not validate.
  [[nodiscard]] Json with_defaults(Json value) const;

  // The schema as loaded.
  [[nodiscard]] const Json& json() const;

  struct Compiled;

 private:
  std::shared_ptr<const Compiled> compiled_;
};

// The candidate with the fewest edits from `word` (Damerau-Levenshtein, letter case for free), or
// "" when none is near enough to be what was meant (a third of the word's length, at least one).
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

}  // namespace host
