// SPDX-License-Identifier: Apache-2.0
#include "authoring/sample.hpp"

#include <gtest/gtest.h>

#include "config/json_schema.hpp"

namespace host {
namespace {

// Enough of what plugins write.
const Json kSchema = Json::parse(R"({
  "type": "object", "additionalProperties": false, "required": ["mode", "list"],
  "properties": {
    "mode": {"enum": ["fast", "safe"]},
    "list": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"$ref": "#/$defs/entry"}},
    "count": {"type": "integer", "minimum": 3, "maximum": 5},
    "share": {"type": "number", "minimum": 0, "maximum": 1},
    "on": {"type": "boolean"},
    "name": {"type": "string", "minLength": 12, "maxLength": 14},
    "size": {"type": "string", "pattern": "^[0-9]+MiB$", "examples": ["5MiB"]},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "either": {"oneOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]}
  },
  "$defs": {"entry": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "minimum": 1}}}}
})");

TEST(Sample, FitsTheSchemaItIsMadeFor) {
  const JsonSchema schema(kSchema);
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const Json made = sample(kSchema, random);
    const auto violations = schema.validate(made);
    EXPECT_TRUE(violations.empty()) << made << ": " << to_text(violations.front());
  }
}

TEST(Sample, IsNotAlwaysTheSame) {
  std::mt19937 random(7);
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) seen.insert(sample(kSchema, random).dump());
  EXPECT_GT(seen.size(), 20u);
}

TEST(Sample, SurvivesASchemaThatGoesInACircle) {
  const Json circle{{"$ref", "#"}};
  std::mt19937 random(7);
  (void)sample(circle, random);
  const Json deep{
      {"type", "object"}, {"required", {"a"}}, {"properties", {{"a", {{"$ref", "#"}}}}}};
  (void)sample(deep, random);
}

TEST(Spoiled, IsMostlyRefused) {
  const JsonSchema schema(kSchema);
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 200; ++i)
    refused += !schema.validate(spoiled(sample(kSchema, random), random)).empty();
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace host
