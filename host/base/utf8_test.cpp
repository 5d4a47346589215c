// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace host {
namespace {

// "U+E9/2", or "none/1".
std::string first_of(std::string_view text) {
  const auto [point, size] = character_at(text, 0);
  char name[32] = "none";
  if (point) std::snprintf(name, sizeof name, "U+%X", static_cast<unsigned>(*point));
  return name + ("/" + std::to_string(size));
}

TEST(Utf8, ReadsTheFirstAndTheLastCharacterOfEachLength) {
  EXPECT_EQ(first_of(std::string_view("\0", 1)), "U+0/1");
  EXPECT_EQ(first_of("\x7F"), "U+7F/1");
  EXPECT_EQ(first_of("\xC2\x80"), "U+80/2");
  EXPECT_EQ(first_of("\xDF\xBF"), "U+7FF/2");
  EXPECT_EQ(first_of("\xE0\xA0\x80"), "U+800/3");
  EXPECT_EQ(first_of("\xEF\xBF\xBF"), "U+FFFF/3");
  EXPECT_EQ(first_of("\xF0\x90\x80\x80"), "U+10000/4");
  EXPECT_EQ(first_of("\xF4\x8F\xBF\xBF"), "U+10FFFF/4");
}

TEST(Utf8, WhatBeginsNoCharacterIsOneByte) {
  const std::vector<std::string> wrong = {"\x80",
                                          "\xBFx",
                                          "\xC0\x80",
                                          "\xC1\xBF",
                                          "\xE0\x9F\xBF",
                                          "\xF0\x8F\xBF\xBF",
                                          "\xED\xA0\x80",
                                          "\xED\xBF\xBF",
                                          "\xF4\x90\x80\x80",
                                          "\xF5\x80\x80\x80",
                                          "\xFF",
                                          "\xC3",
                                          "\xC3x",
                                          "\xE2\x82",
                                          "\xE2\x82x",
                                          "\xF0\x9F\x98",
                                          "\xF0\x9F\x98x"};
  for (const auto& text : wrong)
    EXPECT_EQ(first_of(text), "none/1") << testing::PrintToString(text);
}

TEST(Utf8, ACutLeavesCharactersWhole) {
  std::string text = "a\xC3\xA9z";
  EXPECT_FALSE(cut_text(text, 4));
  EXPECT_TRUE(cut_text(text, 2));
  EXPECT_EQ(text, "a");
}

TEST(Unseen, IsWhatMakesATextReadAsAnother) {
  for (const char32_t point :
       {0xADU, 0x061CU, 0x200BU, 0x200EU, 0x202EU, 0x2066U, 0xFEFFU, 0xE0041U})
    EXPECT_TRUE(is_unseen(point)) << std::hex << static_cast<unsigned>(point);
  for (const char32_t point : {0x20U, 0x0AU, 0x41U, 0x200CU, 0x200DU, 0xFE0FU, 0x1F600U})
    EXPECT_FALSE(is_unseen(point)) << std::hex << static_cast<unsigned>(point);
}

TEST(ControlCharacters, AreThoseOfBothTables) {
  for (const char32_t point : {0x00U, 0x0AU, 0x1FU, 0x7FU, 0x85U, 0x9FU})
    EXPECT_TRUE(is_control(point)) << std::hex << static_cast<unsigned>(point);
  for (const char32_t point : {0x20U, 0x7EU, 0xA0U, 0x2028U})
    EXPECT_FALSE(is_control(point)) << std::hex << static_cast<unsigned>(point);
}

}  // namespace
}  // namespace host
