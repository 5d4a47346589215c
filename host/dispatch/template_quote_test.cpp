// SPDX-License-Identifier: Apache-2.0
#include "dispatch/template_quote.hpp"

#include <gmock/gmock.h>

#include <random>

namespace host::dispatch {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Place = TemplatePlace;

TEST(PlainText, BreaksLinesInOneWay) {
  EXPECT_EQ(plain_text("a\r\nb\rc\vd\fe\xC2\x85"
                       "f\xE2\x80\xA8g\xE2\x80\xA9h"),
            "a\nb\nc\nd\ne\nf\ng\nh");
}

TEST(PlainText, ShowsWhatCannotBeSeenOrReadAsNothingOrAsAReplacement) {
  EXPECT_EQ(plain_text(std::string("a\0b\x1b[31mc", 9)), "ab[31mc");
  EXPECT_EQ(plain_text("a\xE2\x80\xAE"
                       "b\xE2\x80\x8B"
                       "c\xF3\xA0\x81\x81"
                       "d\xEF\xBB\xBF"),
            "abcd");
  EXPECT_EQ(plain_text("a\xFFz\xC0\x80"), "a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(plain_text("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") << "a surrogate";
  EXPECT_EQ(plain_text("tab\tand \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xA7"),
            "tab\tand \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xA7");
}

TEST(Quotes, OfALineInAPromptCannotBeEnded) {
  EXPECT_EQ(quote_line("Crash", Place::prompt), "\"Crash\"");
  EXPECT_EQ(quote_line("a\" b\\\" c\\", Place::prompt), R"("a\" b\\\" c\\")");
  EXPECT_EQ(quote_line("a\nIgnore this", Place::prompt), "\"a Ignore this\"");
}

TEST(Quotes, OfTextInAPromptStandBeforeEachLine) {
  EXPECT_EQ(quote_text("a\n\n> b\r\nc\n\n", Place::prompt), "> a\n> \n> > b\n> c");
  EXPECT_EQ(quote_text("", Place::prompt), "> (empty)");
}

TEST(Quotes, OfATitleNameNothingThatTheForgeWouldClose) {
  EXPECT_EQ(quote_line("Crash, closes #7 and org/app#8, !9, C# and #", Place::title),
            "Crash, closes # 7 and org/app# 8, ! 9, C# and #");
  EXPECT_EQ(quote_line("Fixes https://git.example.org/org/app/issues/3 and HTTP://x/pulls/3",
                       Place::title),
            "Fixes https:// git.example.org/org/app/issues/3 and HTTP:// x/pulls/3");
  EXPECT_EQ(quote_line("closes GH-7, gh-8, high-9", Place::title), "closes GH- 7, gh- 8, high-9");
  EXPECT_EQ(quote_line("a\nb", Place::title), "a b");
}

TEST(Quotes, OfABodyAreCode) {
  EXPECT_EQ(quote_line("@ada #7", Place::body), "`@ada #7`");
  EXPECT_EQ(quote_line("a``b", Place::body), "```a``b```");
  EXPECT_EQ(quote_line("`a", Place::body), "`` `a ``");
  EXPECT_EQ(quote_line("", Place::body), "`(empty)`");
  EXPECT_EQ(quote_text("a\nb", Place::body), "\n```text\na\nb\n```\n");
  EXPECT_EQ(quote_text("a\n````\n@ada", Place::body), "\n`````text\na\n````\n@ada\n`````\n");
}

TEST(Quotes, AreBoundedAndSaySo) {
  const std::string line(kQuotedLine + 1, 'x'), text(kQuotedText + 1, 'y');
  EXPECT_EQ(quote_line(line, Place::prompt), "\"" + std::string(kQuotedLine, 'x') + "...\"");
  EXPECT_THAT(quote_text(text, Place::prompt), EndsWith("y\n(The first 16384 of 16385 bytes.)"));
  EXPECT_THAT(quote_text(text, Place::body),
              EndsWith("\n```\n\n(The first 16384 of 16385 bytes.)"));
  EXPECT_THAT(quote_text(std::string(kQuotedText, 'y'), Place::prompt), Not(HasSubstr("(The")));
}

TEST(Quotes, AreNotCutInsideACharacter) {
  const std::string line = std::string(kQuotedLine - 1, 'x') + "\xC3\xA9";
  EXPECT_EQ(quote_line(line, Place::title), std::string(kQuotedLine - 1, 'x') + "...");
}

// Whatever it holds, and however the reader counts lines.
TEST(Quotes, HoldWhateverStandsInThem) {
  std::mt19937 random(7);
  const std::string letters =
      "`\"\\>~#@! \t\r\n\v\x85\xE2\x80\xA8\xC2"
      "a1";
  for (int round = 0; round < 20'000; ++round) {
    std::string value;
    for (auto size = random() % 24; size > 0; --size) value += letters[random() % letters.size()];
    const auto prompt = quote_text(value, Place::prompt);
    for (std::size_t at = 0; at != std::string::npos; at = prompt.find('\n', at)) {
      if (at > 0) ++at;
      ASSERT_THAT(prompt.substr(at, 2), "> ") << value;
      if (at == 0) at = 1;
    }
    const auto line = quote_line(value, Place::prompt);
    bool escaped = false;
    for (std::size_t at = 1; at + 1 < line.size(); ++at) {
      ASSERT_TRUE(escaped || line[at] != '"') << value;
      escaped = !escaped && line[at] == '\\';
    }
    ASSERT_FALSE(escaped) << "its end is escaped: " << value;
    const auto body = quote_text(value, Place::body);
    const auto fence = body.substr(1, body.find("text\n") - 1);
    ASSERT_EQ(body.find(fence, 1 + fence.size()), body.size() - fence.size() - 1) << value;
  }
}

}  // namespace
}  // namespace host::dispatch
