// SPDX-License-Identifier: Apache-2.0
//
// The official test suite of JSON Schema against our subset. Debian's package ends with draft 7,
// whose keywords mean the same in 2020-12 but for those named below; each case that is left out is
// counted aloud, so that it can't grow unseen.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "config/json_schema.hpp"

namespace host {
namespace {

const std::vector<std::string> kFiles = {"additionalProperties",
                                         "allOf",
                                         "anyOf",
                                         "boolean_schema",
                                         "const",
                                         "default",
                                         "definitions",
                                         "enum",
                                         "exclusiveMaximum",
                                         "exclusiveMinimum",
                                         "if-then-else",

                                         "items",
                                         "maxItems",
                                         "maximum",
                                         "maxLength",
                                         "minItems",
                                         "minimum",
                                         "minLength",
                                         "not",
                                         "oneOf",
                                         "pattern",
                                         "properties",
                                         "ref",
                                         "required",
                                         "type",
                                         "uniqueItems"};

// Groups that are right in draft 7 and not here.
const std::map<std::string, std::string> kLeftOut = {
    {"ref overrides any sibling keywords", "since 2019-09 the keywords beside $ref count"},
    {"invalid type for default", "we refuse such a schema when it is loaded"},
    {"invalid string value for default", "we refuse such a schema when it is loaded"},
    {"$ref prevents a sibling $id from changing the base uri", "since 2019-09 it counts"},
};

// `definitions` became `$defs` in 2019-09.
Json modernised(const Json& schema) {
  if (schema.is_array()) {
    Json result = Json::array();
    for (const Json& child : schema) result.push_back(modernised(child));
    return result;
  }
  if (!schema.is_object()) return schema;
  Json result = Json::object();
  for (const auto& [key, value] : schema.items()) {
    if (key == "$ref" && value.is_string()) {
      std::string text = value;
      if (text.starts_with("#/definitions/")) text = "#/$defs/" + text.substr(14);
      result[key] = text;
    } else {
      result[key == "definitions" ? "$defs" : key] = modernised(value);
    }
  }
  return result;
}

struct Count {
  int run = 0, left_out = 0;
};

void run_group(const Json& group, const std::string& file, Count& count) {
  const std::string name = group["description"];
  const auto skip = [&](const std::string& why) {
    count.left_out += static_cast<int>(group["tests"].size());
    std::cout << "  left out: " << file << ": " << name << ": " << why << '\n';
  };
  if (const auto known = kLeftOut.find(name); known != kLeftOut.end()) return skip(known->second);
  std::optional<JsonSchema> schema;
  try {
    schema.emplace(modernised(group["schema"]));
  } catch (const Error& error) {
    const std::string text = error.message();
    return skip(text.substr(text.find('\n') + 1));
  }
  for (const Json& test : group["tests"]) {
    ++count.run;
    EXPECT_EQ(schema->validate(test["data"]).empty(), test["valid"].get<bool>())
        << file << ": " << name << ": " << test["description"];
  }
}

TEST(JsonSchemaSuite, IsPassedByTheSupportedKeywords) {
  const std::string folder = JSON_SCHEMA_TEST_SUITE;
  if (folder.empty()) {
    GTEST_SKIP() << "the official suite is not installed; apt install json-schema-test-suite";
  }
  Count count;
  for (const std::string& file : kFiles) {
    const std::string path = folder + "/tests/draft7/" + file + ".json";
    for (const Json& group : Json::parse(read_file(path, 1 << 20))) run_group(group, file, count);
  }
  std::cout << "  " << count.run << " cases run, " << count.left_out << " left out\n";
  EXPECT_GE(count.run, 256);
  EXPECT_LE(count.left_out, 55);
}

}  // namespace
}  // namespace host
