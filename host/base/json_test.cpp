// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/kept_json.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    (void)parse_json(text, "the file");
    return "accepted";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(ParseJson, BuildsWhatWasWritten) {
  const Json value = parse_json(R"({"a":[1,-2,3.5,{"b":null}],"c":true,"d":"é"})", "the file");
  EXPECT_EQ(value, Json::parse(R"({"a":[1,-2,3.5,{"b":null}],"c":true,"d":"é"})"));
  EXPECT_EQ(parse_json("7", "the file"), 7);
}

TEST(ParseJson, RefusesWhatNlohmannWouldTakeOrDieOf) {
  EXPECT_THAT(refusal(R"({"a":1,"a":2})"), HasSubstr("\"a\" stands twice"));
  EXPECT_THAT(refusal(std::string(1'000'000, '[')), HasSubstr("64 levels"));
  EXPECT_THAT(refusal("{\n \"a\": nope}"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("1e400"), HasSubstr("the file"));
  EXPECT_THAT(refusal(""), HasSubstr("the file"));
  EXPECT_THAT(refusal("\"\xff\""), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal("{} {}"), HasSubstr("the file"));
}

TEST(ToText, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(to_text(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
}

TEST(ParseKeptJson, RefusesAWholeNumberThatItWouldChange) {
  for (const char* fits : {"18446744073709551615", "-9223372036854775808", "1e30", "1.5", "0"})
    EXPECT_EQ(to_text(parse_kept_json(fits, "it")), to_text(parse_json(fits, "it"))) << fits;
  for (const char* large : {"18446744073709551616", "-9223372036854775809", "98765432109876543210"})
    try {
      (void)parse_kept_json("{\"id\":" + std::string(large) + "}", "the request");
      ADD_FAILURE() << large;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      EXPECT_NE(error.message().find(large), std::string::npos) << error.message();
    }
  EXPECT_NO_THROW((void)parse_json("98765432109876543210", "it"));
}

}  // namespace
}  // namespace host
