// SPDX-License-Identifier: Apache-2.0
#include "config/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <new>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace {

// Bytes that this program asked of operator new, which is its own below. The tests have one thread.
struct {
  std::int64_t live, peak, all;
} allocations;

}  // namespace

// NOLINTBEGIN(cppcoreguidelines-owning-memory)
void* operator new(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  const auto usable = static_cast<std::int64_t>(::malloc_usable_size(memory));
  allocations.live += usable;
  allocations.all += usable;
  if (allocations.live > allocations.peak) allocations.peak = allocations.live;
  return memory;
}
// The standard library's own calls the one above; a sanitizer's would not.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept {
  allocations.live -= static_cast<std::int64_t>(::malloc_usable_size(memory));
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
// NOLINTEND(cppcoreguidelines-owning-memory)

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

Json parsed(const std::string& text) { return parse_yaml(text, "f.yaml").value(); }

// Row I1 of the fault matrix asks that a bad file costs little. Neither a second nor what the
// kernel calls memory is the same twice; what is allocated meanwhile is.
class Cheap {
 public:
  explicit Cheap(std::size_t peak = std::size_t{100} << 20) : peak_(peak) {
    allocations = {.live = 0, .peak = 0, .all = 0};
  }
  ~Cheap() {
    EXPECT_LT(allocations.peak, static_cast<std::int64_t>(peak_)) << "bytes at a time";
    EXPECT_LT(allocations.all, static_cast<std::int64_t>(5 * peak_)) << "bytes one after the other";
  }

 private:
  std::size_t peak_;
};

std::string refusal(const std::string& text) {
  const Cheap limit;
  try {
    return "accepted: " + to_text(parse_yaml(text, "f.yaml").value());
  } catch (const Error& error) {
    return error.what();
  }
}

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

TEST(ParseYaml, TypesPlainScalarsByTheCoreSchema) {
  EXPECT_EQ(parsed("[null, ~, true, False, 12, -3, +4, 0x1F, 0o17, 1.5, -.5e3, 1e2]"),
            Json::parse("[null, null, true, false, 12, -3, 4, 31, 15, 1.5, -500.0, 100.0]"));
  EXPECT_EQ(parsed("[yes, on, NO, 1_000, 12:30, 0x, 1.2.3, 5 min, -, e5, .]"),
            Json::parse(R"(["yes","on","NO","1_000","12:30","0x","1.2.3","5 min","-","e5","."])"));
  EXPECT_EQ(parsed("[18446744073709551615, -9223372036854775808]"),
            Json::parse("[18446744073709551615, -9223372036854775808]"));
}

TEST(ParseYaml, KeepsQuotedAndBlockTextAsText) {
  EXPECT_EQ(parsed("a: '12'\nb: \"true\"\nc: |\n  x\n  y\nd: >\n  x\n  y\n"),
            Json::parse(R"({"a":"12","b":"true","c":"x\ny\n","d":"x y\n"})"));
  EXPECT_EQ(parsed("[!!str 12, !!int '12', !!float 3, !!bool 'true', !!null '']"),
            Json::parse(R"(["12", 12, 3, true, null])"));
}

TEST(ParseYaml, TakesKeysAsText) {
  EXPECT_EQ(parsed("1: a\ntrue: b\n0.5: c\n\"x y\": d\n? e\n: f\n"),
            Json::parse(R"({"1":"a","true":"b","0.5":"c","x y":"d","e":"f"})"));
  EXPECT_EQ(parsed("{a: {}, b: [], c: , d: [x: 1]}"),
            Json::parse(R"({"a":{},"b":[],"c":null,"d":[{"x":1}]})"));
}

TEST(ParseYaml, KnowsThePlaceOfEveryValue) {
  const Document document =
      parse_yaml("a:\n  b/c: 1\n  list:\n    - x\n    - {k: v}\n\"d\": 2\n", "f.yaml");
  EXPECT_EQ(document.position(""), "f.yaml:1:1");
  EXPECT_EQ(document.position("/a/b~1c"), "f.yaml:2:8");
  EXPECT_EQ(document.key_position("/a/b~1c"), "f.yaml:2:3");
  EXPECT_EQ(document.position("/a/list/0"), "f.yaml:4:7");
  EXPECT_EQ(document.position("/a/list/1/k"), "f.yaml:5:11");
  EXPECT_EQ(document.key_position("/d"), "f.yaml:6:1");
}

TEST(ParseYaml, GivesThePlaceOfTheNearestParentForWhatIsNotThere) {
  const Document document = parse_yaml("a:\n  b: {c: 1}\n", "f.yaml");
  EXPECT_EQ(document.position("/a/b/missing/deeper"), "f.yaml:2:6");
  EXPECT_EQ(document.position("/other"), "f.yaml:1:1");
  EXPECT_FALSE(document.has("/a/b/missing"));
  EXPECT_EQ(Document().position("/x"), ":1:1");
}

TEST(ParseYaml, ReadsAnEmptyFileAsNull) {
  EXPECT_EQ(parsed(""), nullptr);
  EXPECT_EQ(parsed("# only a comment\n"), nullptr);
  EXPECT_EQ(parsed("---\n...\n"), nullptr);
}

TEST(ParseYaml, RefusesAnchorsAndAliasesBeforeTheyCost) {
  EXPECT_THAT(refusal("a: &x 1\nb: *x\n"), StartsWith("f.yaml:1:4: anchor &x is not supported"));
  EXPECT_THAT(refusal("a: *nowhere\n"), StartsWith("f.yaml:1:4: "));
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'z'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [" +
            repeated(std::string("*") + char(c - 1) + ", ", 9) + "]\n";
  EXPECT_THAT(refusal(bomb), StartsWith("f.yaml:1:4: anchor &a"));
  EXPECT_THAT(refusal("&cycle\na: *cycle\n"), HasSubstr("anchor &cycle"));
  EXPECT_THAT(refusal("base: &b {x: 1}\nc:\n  <<: *b\n"), HasSubstr("anchor &b"));
}

TEST(ParseYaml, RefusesDuplicateKeysWithBothPlaces) {
  EXPECT_THAT(refusal("a: 1\nb: 2\na: 3\n"),
              StartsWith("f.yaml:3:1: key \"a\" stands twice, first at f.yaml:1:1"));
  EXPECT_THAT(refusal("{x: {1: a, \"1\": b}}"), HasSubstr("key \"1\" stands twice"));
}

TEST(ParseYaml, RefusesTabsInIndentationAndSaysSo) {
  EXPECT_THAT(refusal("a:\n\tb: 1\n"), StartsWith("f.yaml:2:1: a tab in the indentation"));
  EXPECT_THAT(refusal("a:\n  b: 1\n \tc: 2\n"), StartsWith("f.yaml:3:2: a tab"));
  EXPECT_THAT(refusal("a: |\n  text\n\tb: 1\n"), StartsWith("f.yaml:3:1: a tab"));
  EXPECT_THAT(refusal("a:\n  - x\n  \t- y\n"), StartsWith("f.yaml:3:3: a tab"));
}

TEST(ParseYaml, LeavesTabsInsideTextAlone) {
  EXPECT_EQ(parsed("make: |\n  all:\n  \tcc -o x\nb: 1\n"),
            Json::parse(R"({"make":"all:\n\tcc -o x\n","b":1})"));
  EXPECT_EQ(parsed("a: \"x\n  \ty\"\n"), Json::parse(R"({"a":"x y"})"));
  EXPECT_EQ(parsed("a: 1\t# a comment\n\t\nb: 2\n"), Json::parse(R"({"a":1,"b":2})"));
}

TEST(ParseYaml, RefusesBytesThatAreNotText) {
  EXPECT_THAT(refusal(std::string("a: 1\nb: \0", 9)), StartsWith("f.yaml:2:4: a NUL byte"));
  EXPECT_THAT(refusal("a: \"x\\0\""), HasSubstr("holds a NUL"));
  EXPECT_THAT(refusal("a: \x04 cut: here"), StartsWith("f.yaml:1:4: control character 0x04"));
  EXPECT_THAT(refusal("a: \xff"), StartsWith("f.yaml:1:4: byte 0xFF is not UTF-8"));
  EXPECT_THAT(refusal("a: \xc0\xaf"), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal("a: \xed\xa0\x80"), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal(std::string("\xff\xfe"
                                  "a\0:\0",
                                  6)),
              HasSubstr("not UTF-8"));
  EXPECT_EQ(parsed("\xef\xbb\xbf"
                   "a: \xc3\xa4"),
            Json::parse("{\"a\":\"\xc3\xa4\"}"));
}

TEST(ParseYaml, RefusesWhatItDoesNotUnderstand) {
  EXPECT_THAT(refusal("a: [1, 2\n"), HasSubstr("not YAML"));
  EXPECT_THAT(refusal("{a: 1"), HasSubstr("a bracket is never closed"));
  EXPECT_THAT(refusal("a: 1\n---\nb: 2\n"), HasSubstr("a second document"));
  EXPECT_THAT(refusal("a: !secret x\n"), HasSubstr("tag !secret is not supported"));
  EXPECT_THAT(refusal("a: !!binary aGk=\n"), HasSubstr("!!binary is not supported"));
  EXPECT_THAT(refusal("a: !!set {x, y}\n"), HasSubstr("not supported"));
  EXPECT_THAT(refusal("a: !!int x\n"), HasSubstr("is not of its tag"));
  EXPECT_THAT(refusal("[a, b]: c\n"), HasSubstr("expected a key of text"));
  EXPECT_THAT(refusal("~: c\n"), HasSubstr("expected text"));
  EXPECT_THAT(refusal("a: .inf\n"), StartsWith("f.yaml:1:4: .inf is not a number"));
  EXPECT_THAT(refusal("a: 18446744073709551616\n"), HasSubstr("does not fit in 64 bits"));
  EXPECT_THAT(refusal("a: 1e999\n"), HasSubstr("out of range"));
}

TEST(ParseYaml, RefusesAQuotationMarkThatIsNeverClosed) {
  EXPECT_THAT(refusal("a: 1\nb: \"open\nc: 2\n"),
              StartsWith("f.yaml:2:4: a quotation mark is never closed"));
  EXPECT_THAT(refusal("a: 'it''s\n"), HasSubstr("never closed"));
  EXPECT_THAT(refusal("\xef\xbb\xbf"
                      "a: !!str \"x\n"),
              HasSubstr("never closed"));
  EXPECT_EQ(parsed("a: 'it''s'  # it's\nb: \"\\\"\"\nc: |\n  \"\n"),
            Json::parse(R"({"a":"it's","b":"\"","c":"\"\n"})"));
}

TEST(ParseYaml, RefusesWhatWouldSpendTheStackOrTheMemory) {
  EXPECT_THAT(refusal(std::string(90'000, '[')), HasSubstr("bracket is never closed"));
  EXPECT_THAT(refusal(std::string(500'000, '[')), HasSubstr("more than 100000 brackets"));
  EXPECT_THAT(refusal(repeated("[", 100) + repeated("]", 100)), HasSubstr("64 levels"));
  EXPECT_THAT(refusal("a: " + repeated("{a: ", 100) + repeated("}", 100)), HasSubstr("64 levels"));
  EXPECT_THAT(refusal(repeated("- ", 10'000)), HasSubstr("64 levels"));
  EXPECT_THAT(refusal("[" + repeated("1,", 200'000) + "]"), HasSubstr("more than 100000"));
  EXPECT_EQ(parsed(repeated("[", 64) + repeated("]", 64)).dump().size(), 128U);
}

TEST(ParseYaml, RefusesLongKeysOverManyValues) {
  EXPECT_THAT(refusal("? " + std::string(300'000, 'k') + "\n: [" + repeated("1,", 90'000) + "]"),
              MatchesRegex("f.yaml:2:[0-9]+: keys are too long for this much nesting"));
}

TEST(LoadYaml, RefusesTwentyMegabytesWithoutReadingThemAll) {
  TestFolder folder;
  std::ofstream(folder / "big.yaml") << std::string(20 << 20, 'x');
  const Cheap limit(4 * kYamlBytes);
  try {
    (void)load_yaml(folder / "big.yaml");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_large);
    EXPECT_THAT(error.what(), HasSubstr("big.yaml"));
  }
}

TEST(LoadYaml, RefusesABinaryFile) {
  const Cheap limit(4 * kYamlBytes);
  EXPECT_THROW((void)load_yaml("/proc/self/exe"), Error);
}

TEST(LoadYaml, SaysThatAFileIsMissing) {
  TestFolder folder;
  try {
    (void)load_yaml(folder / "none.yaml");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::not_found);
  }
}

}  // namespace
}  // namespace host
