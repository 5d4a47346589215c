// SPDX-License-Identifier: Apache-2.0
#include "config/json_document.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

TEST(JsonDocumentTest, each_value_and_key_has_its_place) {
  const auto document = parse_json_document(
      "{\n\t\"a\": 1,\n  \"b/c\": { \"d\\u00e9\\\"{\" : [ true,\n -2.5e3, \"x, ]\" ] },\"e\":{}\n}",
      "f.json");
  EXPECT_EQ(document.position(""), "f.json:1:1");
  EXPECT_EQ(document.key_position("/a"), "f.json:2:2");
  EXPECT_EQ(document.position("/a"), "f.json:2:7");
  EXPECT_EQ(document.key_position("/b~1c"), "f.json:3:3");
  EXPECT_EQ(document.position("/b~1c/d\u00e9\"{"), "f.json:3:27");
  EXPECT_EQ(document.position("/b~1c/d\u00e9\"{/0"), "f.json:3:29");
  EXPECT_EQ(document.position("/b~1c/d\u00e9\"{/1"), "f.json:4:2");
  EXPECT_EQ(document.position("/b~1c/d\u00e9\"{/2"), "f.json:4:10");
  EXPECT_EQ(document.key_position("/e"), "f.json:4:21");
  EXPECT_EQ(document.value()["b/c"]["d\u00e9\"{"][2], "x, ]");
}

TEST(JsonDocumentTest, a_bare_value_is_a_document) {
  EXPECT_EQ(parse_json_document("  12", "f").position(""), "f:1:3");
}

TEST(JsonDocumentTest, what_is_no_json_is_refused) {
  EXPECT_THROW((void)parse_json_document("{\"a\": }", "f"), Error);
  EXPECT_THROW((void)parse_json_document("", "f"), Error);
  EXPECT_THROW((void)parse_json_document("{\"a\": 1, \"a\": 2}", "f"), Error);
}

TEST(JsonDocumentTest, bad_syntax_is_told_with_its_place) {
  try {
    (void)parse_json_document("{\n  \"a\": }", "f.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(error.message().starts_with("f.json:2:8: ")) << error.message();
  }
}

}  // namespace
}  // namespace host
