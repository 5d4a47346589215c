// SPDX-License-Identifier: Apache-2.0
#include "config/json_schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

JsonSchema schema(const std::string& text) { return JsonSchema(Json::parse(text)); }

// "pointer: words" of each violation.
std::vector<std::string> faults(const std::string& of_schema, const std::string& value) {
  std::vector<std::string> result;
  for (const Violation& violation : schema(of_schema).validate(Json::parse(value)))
    result.push_back(violation.pointer + ": " + to_text(violation));
  return result;
}

std::string refusal(const std::string& text) {
  try {
    (void)schema(text);
    return "accepted";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(JsonSchema, ReportsEveryViolationAtOnce) {
  EXPECT_THAT(
      faults(R"({"type":"object","required":["url"],"additionalProperties":false,
                 "properties":{"url":{"type":"string"},"enabled":{"type":"boolean"},
                               "count":{"type":"integer","minimum":1,"maximum":9},
                               "level":{"enum":["debug","info"]}}})",
             R"({"enabeld":true,"count":12,"level":"inof","enabled":"yes"})"),
      ElementsAre(": has no \"url\", expected it to be set",
                  "/count: is 12, expected a whole number from 1 to 9",
                  "/enabeld: is not a known key; did you mean \"enabled\"?",
                  "/enabled: is \"yes\", expected true or false",
                  "/level: is \"inof\", expected one of debug, info; did you mean \"info\"?"));
}

TEST(JsonSchema, PointsAtTheKeyWhenTheKeyIsAtFault) {
  const auto found =
      schema(R"({"additionalProperties":false,"properties":{"a/b":{"type":"null"}}})")
          .validate(Json::parse(R"({"c~d":1,"a/b":1})"));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].pointer, "/a~1b");
  EXPECT_FALSE(found[0].at_key);
  EXPECT_EQ(found[1].pointer, "/c~0d");
  EXPECT_TRUE(found[1].at_key);
}

TEST(JsonSchema, SaysWhatTheMeantAlternativeLacks) {
  const std::string either =
      R"({"anyOf":[{"type":"integer","minimum":5},{"type":"object","required":["x"]}]})";
  EXPECT_THAT(faults(either, "3"), ElementsAre(": is 3, expected a whole number of at least 5"));
  EXPECT_THAT(faults(either, "{}"), ElementsAre(": has no \"x\", expected it to be set"));
  EXPECT_THAT(faults(either, "\"y\""),
              ElementsAre(": is \"y\", expected a whole number of at least 5, or a map"));
  EXPECT_THAT(faults(R"({"anyOf":[{"const":"gitea.read"},{"const":"http"}]})", "\"gitea.raed\""),
              ElementsAre(": is \"gitea.raed\", expected one of gitea.read, http; "
                          "did you mean \"gitea.read\"?"));
}

TEST(JsonSchema, NamesTheKeysOfWhichOneIsWanted) {
  const std::string any = R"({"type":"object","properties":{"title":{"type":"string"}},
      "anyOf":[{"required":["title"]},{"required":["body"]}]})";
  EXPECT_THAT(faults(any, R"({"titel":"x"})"),
              ElementsAre(": lacks a key, expected one of these: title, body"));
  EXPECT_THAT(faults(any, R"({"title":"x"})"), IsEmpty());
}

TEST(JsonSchema, OfAlternativesOfOneTypeTheNearestIsMeant) {
  EXPECT_THAT(faults(R"({"oneOf":[
      {"type":"object","required":["a","b"],"properties":{"kind":{"const":"far"}}},
      {"type":"object","required":["c"],"properties":{"kind":{"const":"near"}}}]})",
                     R"({"kind":"near"})"),
              ElementsAre(": has no \"c\", expected it to be set"));
}

TEST(JsonSchema, ShowsAnExampleInsteadOfAPattern) {
  EXPECT_THAT(faults(R"({"pattern":"^[0-9]+s$","examples":["90s"]})", "\"90\""),
              ElementsAre(": is \"90\", expected text such as \"90s\""));
}

TEST(JsonSchema, CutsLongValuesInMessages) {
  EXPECT_LT(faults(R"({"type":"integer"})", "\"" + std::string(100'000, 'x') + "\"")[0].size(),
            200U);
}

TEST(JsonSchema, ComparesNumbersExactly) {
  EXPECT_THAT(faults(R"({"maximum":9007199254740992})", "9007199254740993"), ::testing::SizeIs(1));
  EXPECT_THAT(faults(R"({"minimum":-9223372036854775808})", "-9223372036854775808"), IsEmpty());
  EXPECT_THAT(faults(R"({"exclusiveMinimum":18446744073709551614})", "18446744073709551615"),
              IsEmpty());
}

TEST(JsonSchemaLoad, RefusesKeywordsThatItWouldIgnore) {
  EXPECT_THAT(refusal(R"({"properties":{"a":{"requird":["x"]}}})"),
              AllOf(HasSubstr("/properties/a: unsupported keyword \"requird\""),
                    HasSubstr("did you mean \"required\"?")));
  for (const char* keyword :
       {"dependentRequired", "patternProperties", "contains", "multipleOf", "propertyNames",
        "unevaluatedProperties", "$dynamicRef", "prefixItems"})
    EXPECT_THAT(refusal(Json{{keyword, Json::object()}}.dump()), HasSubstr("unsupported keyword"));
}

TEST(JsonSchemaLoad, ReportsEverythingThatIsWrong) {
  const std::string text = refusal(
      R"({"type":"strng","pattern":"(","minLength":-1,"enum":[],"items":[{}],"required":"x",
          "properties":{"a":{"$ref":"#/nowhere"},"b":{"$ref":"http://example.org/x"}},
          "$schema":"http://json-schema.org/draft-07/schema#","allOf":{},"minimum":"1"})");
  for (const char* part : {"/type: unknown type \"strng\"", "/pattern: ", "/minLength: ", "/enum: ",
                           "/items: ", "/required: ", "leads nowhere",
                           "/properties/b/$ref: ", "/$schema: ", "/allOf: ", "/minimum: "})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(JsonSchemaLoad, RefusesPatternsThatNeedBacktracking) {
  EXPECT_THAT(refusal(R"x({"pattern":"(a)\\1"})x"), HasSubstr("not one that RE2 takes"));
  EXPECT_THAT(refusal(R"x({"pattern":"(?=a)"})x"), HasSubstr("not one that RE2 takes"));
}

TEST(JsonSchemaLoad, RefusesReferencesThatGoInACircle) {
  EXPECT_THAT(refusal(R"({"$ref":"#"})"), HasSubstr("refers to itself"));
  EXPECT_THAT(refusal(R"({"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":
      "#/$defs/a"}}}})"),
              HasSubstr("refers to itself"));
  EXPECT_EQ(refusal(R"({"properties":{"child":{"$ref":"#"}},"items":{"$ref":"#"}})"), "accepted");
}

TEST(JsonSchemaLoad, RefusesAChainOfReferencesThatWouldSpendTheStack) {
  Json defs = Json::object();
  for (int i = 0; i < 5000; ++i)
    defs[std::to_string(i)] = {{"$ref", "#/$defs/" + std::to_string(i + 1)}};
  defs["5000"] = {{"type", "null"}};
  EXPECT_THAT(refusal(Json{{"$defs", defs}}.dump()), HasSubstr("go on for more than 32 steps"));
}

TEST(JsonSchemaLoad, RefusesADefaultThatItsOwnSchemaRefuses) {
  EXPECT_THAT(refusal(R"({"properties":{"n":{"type":"integer","default":"x"}}})"),
              HasSubstr("/properties/n/default: is \"x\", expected a whole number"));
  EXPECT_EQ(refusal(R"({"properties":{"n":{"type":"object","required":["a"],"default":{},
      "properties":{"a":{"default":1}}}}})"),
            "accepted");
}

TEST(JsonSchemaLoad, RefusesDefaultsWithoutEnd) {
  EXPECT_THAT(refusal(R"({"properties":{"a":{"$ref":"#","default":{}}}})"),
              HasSubstr("defaults inside defaults"));
}

TEST(JsonSchema, StopsWorkThatDoublesAtEveryLevel) {
  Json defs = Json::object();
  for (int i = 0; i < 30; ++i) {
    const Json next = {{"$ref", "#/$defs/" + std::to_string(i + 1)}};
    defs[std::to_string(i)] = {{"properties", {{"x", {{"allOf", {next, next}}}}}}};
  }
  defs["30"] = true;
  Json value = 1;
  for (int i = 0; i < 30; ++i) value = Json{{"x", value}};
  const JsonSchema loaded(Json{{"$ref", "#/$defs/0"}, {"$defs", defs}});
  try {
    (void)loaded.validate(value);
    FAIL() << "went to the end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_large);
  }
}

TEST(WithDefaults, FillsInWhatIsMissingAndNothingElse) {
  const JsonSchema loaded = schema(
      R"({"properties":{"a":{"default":1},"b":{"default":{},"properties":{"c":{"$ref":"#/$defs/d"}}},
                        "e":{"properties":{"f":{"default":2}}}},
          "additionalProperties":{"properties":{"g":{"default":3}}},
          "allOf":[{"properties":{"h":{"default":4}}}],
          "anyOf":[{"properties":{"i":{"default":5}}}],
          "$defs":{"d":{"default":"x"}}})");
  EXPECT_EQ(loaded.with_defaults(Json::object()), Json::parse(R"({"a":1,"b":{"c":"x"},"h":4})"));
  EXPECT_EQ(loaded.with_defaults(Json::parse(R"({"a":null,"e":{},"z":{},"b":{"c":"y"},"h":0})")),
            Json::parse(R"({"a":null,"e":{"f":2},"z":{"g":3},"b":{"c":"y"},"h":0})"));
  EXPECT_EQ(schema(R"({"items":{"properties":{"a":{"default":1}}}})")
                .with_defaults(Json::parse("[{},{\"a\":2},5]")),
            Json::parse(R"([{"a":1},{"a":2},5])"));
}

TEST(Nearest, FindsWhatWasProbablyMeant) {
  const std::vector<std::string> words = {"enabled", "schedule", "grants", "url"};
  EXPECT_EQ(nearest("enabeld", words), "enabled");
  EXPECT_EQ(nearest("Schedules", words), "schedule");
  EXPECT_EQ(nearest("grnats", words), "grants");
  EXPECT_EQ(nearest("uri", words), "url");
  EXPECT_EQ(nearest("URL", words), "url");
  EXPECT_EQ(nearest("colour", words), "");
  EXPECT_EQ(nearest(std::string(100'000, 'x'), words), "");
  EXPECT_EQ(nearest("", words), "");
}

}  // namespace
}  // namespace host
