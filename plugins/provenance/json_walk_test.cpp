// SPDX-License-Identifier: Apache-2.0
#include "json_walk.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "clean_text.hpp"
#include "message_parts.hpp"
#include "row_hash.hpp"
#include "tool_calls.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Told final : public JsonVisitor {
 public:
  void outer(const std::string& key, JsonValue& value) override { tell("outer " + key, value); }
  void inner(const std::string& key, JsonValue& value) override { tell("inner " + key, value); }
  void inner_end(std::string_view raw) override { all.push_back("end " + std::string(raw)); }
  void stray(JsonValue& value) override { tell("stray", value); }
  void list_end(std::string_view raw) override { all.push_back("list " + std::string(raw)); }
  std::vector<std::string> all;

 private:
  void tell(const std::string& what, const JsonValue& value) {
    switch (value.kind) {
      case JsonValue::Kind::null: return all.push_back(what + " null");
      case JsonValue::Kind::boolean: return all.push_back(what + (value.truth ? " yes" : " no"));
      case JsonValue::Kind::number:
        return all.push_back(what + " " + std::to_string(static_cast<int>(value.number)));
      case JsonValue::Kind::string: return all.push_back(what + " \"" + value.text + "\"");
      case JsonValue::Kind::nested: return all.push_back(what + " " + std::string(value.raw));
    }
  }
};

std::vector<std::string> walk(std::string_view text, JsonShape shape) {
  Told told;
  const auto wrong = walk_json(text, shape, told);
  if (!wrong.empty()) told.all.push_back("wrong: " + wrong);
  return told.all;
}

TEST(JsonWalk, TellsOfAnObjectsMembersWithTheBytesOfWhatIsNested) {
  EXPECT_THAT(
      walk(R"( {"a": "x\n", "b": {"a": [1, "]"]}, "c": [ {} ] , "d":null,"e":7} )",
           JsonShape::object),
      ElementsAre("inner a \"x\n\"", R"(inner b {"a": [1, "]"]})", "inner c [ {} ]", "inner d null",
                  "inner e 7",
                  R"(end {"a": "x\n", "b": {"a": [1, "]"]}, "c": [ {} ] , "d":null,"e":7})"));
}

TEST(JsonWalk, TellsOfAListAndOfWhatDoesNotBelongThere) {
  EXPECT_THAT(
      walk(R"([{"a":1}, 2, [3], {"a":{"a":4}}])", JsonShape::list),
      ElementsAre("inner a 1", R"(end {"a":1})", "stray 2", "stray [3]", R"(inner a {"a":4})",
                  R"(end {"a":{"a":4}})", R"(list [{"a":1}, 2, [3], {"a":{"a":4}}])"));
}

TEST(JsonWalk, TellsOfAnObjectWithItsMessages) {
  EXPECT_THAT(
      walk(R"({"id":"x","tools":[{"messages":[{"no":1}]}],"messages":[{"a":true},"s"],"z":false})",
           JsonShape::object_with_list),
      ElementsAre("outer id \"x\"", R"(outer tools [{"messages":[{"no":1}]}])", "inner a yes",
                  R"(end {"a":true})", "stray \"s\"", R"(list [{"a":true},"s"])", "outer z no"));
}

TEST(JsonWalk, SaysWhereWhatIsNoJsonBegins) {
  EXPECT_THAT(walk(R"({"a": 1, })", JsonShape::object).back(), HasSubstr("no JSON at byte 10"));
  EXPECT_THAT(walk("{\"a\": \"\xff\"}", JsonShape::object).back(), HasSubstr("no JSON at byte"));
  EXPECT_THAT(walk("", JsonShape::object).back(), HasSubstr("no JSON"));
  EXPECT_THAT(walk("{} {}", JsonShape::object).back(), HasSubstr("no JSON"));
  EXPECT_THAT(walk("[]", JsonShape::object).back(), HasSubstr("is no object"));
  EXPECT_THAT(walk("{}", JsonShape::list).back(), HasSubstr("is no list"));
  EXPECT_THAT(walk("7", JsonShape::object).back(), HasSubstr("is no object"));
}

TEST(JsonWalk, GoesOnlySoDeep) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_THAT(walk(nested(kJsonDepth - 1), JsonShape::object).back(), HasSubstr("end"));
  EXPECT_EQ(walk(nested(kJsonDepth), JsonShape::object).back(), "wrong: nests deeper than 64");
  EXPECT_EQ(walk(nested(5'000'000), JsonShape::object).back(), "wrong: nests deeper than 64");
  EXPECT_TRUE(is_json(nested(kJsonDepth - 1)));
  EXPECT_FALSE(is_json(nested(kJsonDepth)));
}

// What is found good here, nlohmann's parser takes, and the other way round.
RC_GTEST_PROP(JsonScan, AgreesWithNlohmann, ()) {
  static const std::vector<std::string> pieces{"{",
                                               "}",
                                               "[",
                                               "]",
                                               ",",
                                               ":",
                                               "\"a\"",
                                               "\"\"",
                                               " ",
                                               "\n",
                                               "0",
                                               "-1",
                                               "1.5e3",
                                               "1E-999",
                                               "1e999",
                                               "01",
                                               "-",
                                               ".5",
                                               "2.",
                                               "1e",
                                               "true",
                                               "false",
                                               "null",
                                               "nul",
                                               "\"\\u00e9\"",
                                               "\"\\ud83d\\ude00\"",
                                               "\"\\ud83d\"",
                                               "\"\\ude00\"",
                                               "\"\\n\\/\\\"\"",
                                               "\"\\x\"",
                                               "\"\xC3\xA9\"",
                                               "\"\xC3\"",
                                               "\"\xED\xA0\x80\"",
                                               "\"\t\"",
                                               "\"long enough for eight at once\"",
                                               "12345678901234567890123",
                                               "\xEF\xBB\xBF"};
  const auto random = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces));
  std::string text;
  for (const auto& piece : random) text += piece;
  RC_ASSERT(is_json(text) == nlohmann::json::accept(text));

  std::function<nlohmann::json(int)> any = [&](int depth) -> nlohmann::json {
    switch (*rc::gen::inRange(0, depth > 3 ? 4 : 6)) {
      case 0: return nullptr;
      case 1: return *rc::gen::arbitrary<double>();
      case 2: return *rc::gen::arbitrary<std::int64_t>();
      case 3:
        return std::string(static_cast<std::size_t>(*rc::gen::inRange(0, 30)),
                           *rc::gen::inRange<char>(1, 127));
      case 4: return {any(depth + 1), any(depth + 1), any(depth + 1)};
      default: return {{"a", any(depth + 1)}, {"\xC3\xA9\n", any(depth + 1)}};
    }
  };
  auto good = any(0).dump(*rc::gen::inRange(-1, 3));
  RC_ASSERT(is_json(good));
  good[*rc::gen::inRange<std::size_t>(0, good.size())] = *rc::gen::inRange<char>(1, 127);
  RC_ASSERT(is_json(good) == nlohmann::json::accept(good));
}

TEST(CleanText, KeepsUtf8AndReplacesWhatIsNone) {
  for (const std::string text : {"", "plain", "eight by", "\xC3\xA9t\xC3\xA9 longer than eight",
                                 "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEE\x80\x80"}) {
    EXPECT_TRUE(is_clean(text)) << text;
    EXPECT_EQ(cleaned(text), text);
  }
  const std::string mark = "\xEF\xBF\xBD";
  for (const auto& [bad, good] : std::vector<std::pair<std::string, std::string>>{
           {std::string("a\0b", 3), "a" + mark + "b"},
           {"12345678\xFFz", "12345678" + mark + "z"},
           {"\xC3", mark},
           {"\xC0\x80", mark + mark},
           {"\xE2\x82", mark + mark},
           {"\xED\xA0\x80", mark + mark + mark},
           {"\xF4\x90\x80\x80", mark + mark + mark + mark}}) {
    EXPECT_FALSE(is_clean(bad));
    EXPECT_EQ(cleaned(bad), good);
  }
}

TEST(ToolCalls, AreReadInEveryFormThatHermesWrote) {
  const auto now = read_tool_calls(
      R"([{"id":"call_1","call_id":"call_1","response_item_id":"fc_1","type":"function",)"
      R"("function":{"name":"terminal","arguments":"{\"command\": \"ls\"}"},"extra_content":{"a":[]}}])");
  ASSERT_EQ(now.calls.size(), 1u);
  EXPECT_EQ(now.trouble, "");
  EXPECT_EQ(now.calls[0].id, "call_1");
  EXPECT_EQ(now.calls[0].name, "terminal");
  EXPECT_EQ(now.calls[0].arguments, R"({"command": "ls"})");
  EXPECT_THAT(now.other_ids, IsEmpty());

  const auto object =
      read_tool_calls(R"([{"id":"a","function":{"name":"f","arguments":{"x": 1}}}])");
  EXPECT_EQ(object.calls.at(0).arguments, R"({"x": 1})");

  const auto bare = read_tool_calls(R"({"call_id":"b","name":"g","arguments":"{}"})");
  EXPECT_EQ(bare.calls.at(0).id, "b");
  EXPECT_EQ(bare.calls.at(0).name, "g");
  EXPECT_EQ(bare.trouble, "");
}

TEST(ToolCalls, OfThoseThatAreTooManyNothingIsKept) {
  std::string many = "[";
  for (int i = 0; i < 5000; ++i)
    many += (i == 0 ? R"({"id":"a)" : R"(,{"id":"a)") + std::to_string(i) + R"(","call_id":"b)" +
            std::to_string(i) + R"(","name":"f"})";
  const auto read = read_tool_calls(many + "]");
  EXPECT_EQ(read.calls.size(), 1000u);
  EXPECT_EQ(read.other_ids.size(), 1000u);
  EXPECT_THAT(read.trouble, HasSubstr("more than 1000"));
}

TEST(ToolCalls, SayWhatIsWrongWithThemAndKeepTheRest) {
  const auto torn =
      read_tool_calls(R"([{"id":"a","function":{"name":"f","arguments":"{\"x\": "}}])");
  EXPECT_EQ(torn.calls.at(0).arguments, R"({"x": )");
  EXPECT_EQ(torn.trouble, "");
  // As old versions wrote them.
  EXPECT_EQ(read_tool_calls(R"([{"name":"f","arguments":"{}"}])").oddity, "a tool call has no id");
  EXPECT_EQ(read_tool_calls(R"([{"name":"f","arguments":"{}"}])").trouble, "");
  EXPECT_EQ(read_tool_calls(R"([{"id":"a"}])").trouble, "a tool call has no name");
  EXPECT_EQ(read_tool_calls("[1]").trouble, "a tool call is no object");
  EXPECT_THAT(read_tool_calls("nonsense").trouble, HasSubstr("its tool_calls: no JSON"));
  EXPECT_THAT(read_tool_calls("nonsense").calls, IsEmpty());
  const auto two = read_tool_calls(R"([{"id":"a","call_id":"b","name":"f"}])");
  ASSERT_EQ(two.other_ids.size(), 1u);
  EXPECT_EQ(two.other_ids[0].first, "b");
  EXPECT_EQ(two.other_ids[0].second, "a");
}

TEST(MessageParts, AreJoinedAndWhatIsNoTextIsTold) {
  EXPECT_EQ(parts_of("json:[]"), "");
  EXPECT_EQ(parts_of(std::string("\0json:[1]", 9)), "[1]");
  EXPECT_EQ(parts_of("\1json:[1]"), "[1]");
  const auto joined = join_parts(
      R"([{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"data:"}},"two",3])");
  EXPECT_EQ(joined.text, "one\ntwo");
  EXPECT_EQ(joined.trouble, "");
  EXPECT_EQ(joined.left_out, "left out of its content is what is no text: image_url and 1 more");
  EXPECT_EQ(join_parts(R"({"type":"text","text":"alone"})").text, "alone");
  const auto torn = join_parts(R"([{"type":"text)");
  EXPECT_EQ(torn.text, R"([{"type":"text)");
  EXPECT_THAT(torn.trouble, HasSubstr("is marked as JSON, but no JSON"));
}

TEST(RowHash, IsSha256OfTheBytesThatItsHeaderSays) {
  RowHash hash;
  EXPECT_EQ(hash.raw("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash.raw("abc").number(), 0xba7816bf8f01cfeaull) << "it began anew";
  const std::string row = std::string("n") + std::string("i\xff\xff\xff\xff\xff\xff\xff\xfe", 9) +
                          std::string("r\x3f\xf8\0\0\0\0\0\0", 9) +
                          std::string("t\0\0\0\0\0\0\0\2hi", 11) +
                          std::string("b\0\0\0\0\0\0\0\0", 9);
  const auto expected = hash.raw(row).hex();
  EXPECT_EQ(hash.nothing().integer(-2).real(1.5).text("hi").bytes("").hex(), expected);
}

}  // namespace
}  // namespace provenance
