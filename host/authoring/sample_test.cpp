// SPDX-License-Identifier: Apache-2.0
#include "authoring/sample.hpp"

#include <gtest/gtest.h>

#include <set>

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

TEST(Sampler, FitsTheSchemaItIsMadeFor) {
  const JsonSchema schema(kSchema);
  Sampler sampler(kSchema, 7);
  for (int i = 0; i < 200; ++i) {
    const auto made = sampler.next();
    ASSERT_TRUE(made);
    const auto violations = schema.validate(*made);
    EXPECT_TRUE(violations.empty()) << *made << ": " << to_text(violations.front());
  }
}

TEST(Sampler, IsNotAlwaysTheSameButForTheSameSeed) {
  std::set<std::string> seen;
  Sampler sampler(kSchema, 7);
  for (int i = 0; i < 50; ++i) seen.insert(sampler.next()->dump());
  EXPECT_GT(seen.size(), 40u);
  EXPECT_EQ(Sampler(kSchema, 3).next(), Sampler(kSchema, 3).next());
}

TEST(Sampler, TakesEachChoiceInItsTurnAndStandsOnTheBounds) {
  for (unsigned seed = 1; seed < 20; ++seed) {
    Sampler sampler(kSchema, seed);
    std::set<Json> modes;
    std::set<Json> counts;
    for (int i = 0; i < 20; ++i) {
      const auto made = *sampler.next();
      modes.insert(made["mode"]);
      if (made.contains("count")) counts.insert(made["count"]);
    }
    EXPECT_EQ(modes.size(), 2u) << seed;
    EXPECT_TRUE(counts.contains(3) && counts.contains(5)) << seed;
  }
}

TEST(Sampler, SurvivesASchemaThatGoesInACircle) {
  const Json circle{{"$ref", "#"}};
  (void)Sampler(circle, 7).next();
  const Json deep{
      {"type", "object"}, {"required", {"a"}}, {"properties", {{"a", {{"$ref", "#"}}}}}};
  (void)Sampler(deep, 7).next();
}

TEST(Sampler, GivesUpOnWhatIsTooLarge) {
  for (const char* text :
       {R"({"type": "string", "minLength": 1000000000000})",
        R"({"type": "string", "minLength": 1e300})",
        R"({"type": "array", "minItems": 2000000000, "items": {"type": "integer"}})",
        R"({"type": "array", "minItems": 100, "items": {"$ref": "#"}})"}) {
    const auto schema = Json::parse(text);
    EXPECT_FALSE(Sampler(schema, 7).next()) << text;
  }
}

TEST(Sampler, KeepsOneSidedAndHugeBoundsInOrder) {
  for (const char* text :
       {R"({"type": "number", "maximum": -5})", R"({"type": "integer", "maximum": -5})",
        R"({"type": "number", "exclusiveMaximum": 1})", R"({"type": "integer", "minimum": 200})",
        R"({"type": "integer", "exclusiveMinimum": 7, "maximum": 9})",
        R"({"type": "string", "minLength": 5, "maxLength": 5})"}) {
    const auto raw = Json::parse(text);
    const JsonSchema schema(raw);
    Sampler sampler(raw, 7);
    for (int i = 0; i < 20; ++i) {
      const auto made = *sampler.next();
      EXPECT_TRUE(schema.validate(made).empty()) << text << ": " << made;
    }
  }
  // Nothing fits, or nothing that a double holds exactly.
  for (const char* text :
       {R"({"type": "integer", "minimum": 1e300})", R"({"type": "number", "minimum": 1e300})",
        R"({"type": "integer", "maximum": -1e300})",
        R"({"type": "number", "minimum": 5, "maximum": 4})"}) {
    const auto raw = Json::parse(text);
    (void)Sampler(raw, 7).next();
  }
}

TEST(Spoiled, IsMostlyRefused) {
  const JsonSchema schema(kSchema);
  Sampler sampler(kSchema, 7);
  int refused = 0;
  for (int i = 0; i < 200; ++i)
    refused += !schema.validate(sampler.spoiled(*sampler.next())).empty();
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace host
