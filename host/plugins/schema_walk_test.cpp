// SPDX-License-Identifier: Apache-2.0
#include "plugins/schema_walk.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

TEST(SchemaWalkTest, ReachesPartsThroughEveryWayDown) {
  const auto schema = Json::parse(R"({
    "properties": {"a": {"$ref": "#/$defs/leaf"}, "b": {"items": {"$ref": "#/$defs/leaf"}}},
    "additionalProperties": {"allOf": [{"$ref": "#/$defs/leaf"}]},
    "$defs": {"leaf": {"format": "path"}}})");
  auto value = Json::parse(R"({"a": "1", "b": ["2", "3"], "c": "4"})");
  std::string seen;
  walk_schema(value, schema, [&](Json& part, const Json& rule) {
    if (rule.contains("format")) seen += part.get<std::string>();
  });
  EXPECT_EQ(seen, "1234");
}

TEST(SchemaWalkTest, EndsOnReferencesInACircle) {
  const auto schema = Json::parse(R"({"$ref": "#", "allOf": [{"$ref": "#/nowhere"}]})");
  Json value = 1;
  int visits = 0;
  walk_schema(value, schema, [&](Json&, const Json&) { ++visits; });
  EXPECT_GT(visits, 1);
}

TEST(SchemaWalkTest, ASchemaThatDoublesAtEveryStepIsRefused) {
  Json schema = {{"items", {{"$ref", "#/$defs/0"}}}};
  for (int i = 0; i < 24; ++i) {
    const Json next = {{"$ref", "#/$defs/" + std::to_string(i + 1)}};
    schema["$defs"][std::to_string(i)] = {{"allOf", {next, next}}};
  }
  Json value = std::vector<int>(100, 1);
  EXPECT_THROW(walk_schema(value, schema, [](Json&, const Json&) {}), Error);
}

TEST(SchemaWalkTest, TakesOutOnlyKeysThatTheSchemaRefuses) {
  const auto schema = Json::parse(R"({
    "additionalProperties": false,
    "properties": {"open": {"properties": {}}, "list": {"items": {
      "additionalProperties": false, "properties": {"x": true}}}}})");
  EXPECT_EQ(
      without_unknown_keys(
          Json::parse(R"({"open": {"any": 1}, "list": [{"x": 1, "y": 2}], "more": 3})"), schema),
      Json::parse(R"({"open": {"any": 1}, "list": [{"x": 1}]})"));
}

}  // namespace
}  // namespace host
