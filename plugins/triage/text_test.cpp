// SPDX-License-Identifier: Apache-2.0
//
// What is written for people, and read from them: comments, durations, lists.
#include <gmock/gmock.h>

#include "comment_template.hpp"
#include "duration.hpp"
#include "names_text.hpp"
#include "sample.hpp"

namespace triage {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

std::string render(const std::string& text, const Snapshot& one, const Names& assignees = {}) {
  return CommentTemplate(text, "the rule").text(one, assignees);
}

auto refuses(const std::string& why) {
  return testing::ThrowsMessage<timmy::Permanent>(HasSubstr(why));
}

TEST(CommentTemplate, PutsInWhatIsKnown) {
  EXPECT_EQ(render("{author}|{repo}|{number}|{title}|{kind}|{assignees}|{rule}", issue("It broke"),
                   {"grace", "linus"}),
            "ada|org/app|7|It broke|issue|grace, linus|the rule");
  EXPECT_EQ(render("{assignees} {kind}", pull("x")), "nobody pull request");
}

TEST(CommentTemplate, LeavesTheOperatorsTextAsItIs) {
  EXPECT_EQ(render("**Hi** @{author}, see #12.\n\n- [ ] {{a}} `x`", issue("x")),
            "**Hi** @ada, see #12.\n\n- [ ] {a} `x`");
}

TEST(CommentTemplate, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT([] { CommentTemplate("{ttle}", "r"); },
              refuses("rule \"r\": comment has no variable {ttle}; known are {author}, {repo}"));
  EXPECT_THAT([] { CommentTemplate("{}", "r"); }, refuses("no variable {}"));
  EXPECT_THAT([] { CommentTemplate("a { b", "r"); }, refuses("a { that nothing ends"));
  EXPECT_THAT([] { CommentTemplate("a } b", "r"); }, refuses("a } that ends nothing"));
}

TEST(PlainMarkdown, LeavesOrdinaryTextAlone) {
  for (const char* text : {"It broke, again; 50% of it", "foo_bar-baz.cpp is \"wrong\"", "a/b: 12",
                           "\u00c4rger \u2014 \u65e5\u672c", "really?"})
    EXPECT_EQ(plain_markdown(text), text);
}

TEST(PlainMarkdown, MakesNoMentionReferenceOrLink) {
  // What a forge looks for is broken by a character that shows as nothing.
  EXPECT_EQ(plain_markdown("cc @all"), "cc @\u200ball");
  EXPECT_EQ(plain_markdown("closes #1"), "closes #\u200b1");
  EXPECT_EQ(plain_markdown("org/x!3"), "org/x!\u200b3");
  EXPECT_EQ(plain_markdown("http://evil"), "http:\u200b//evil");
  EXPECT_EQ(plain_markdown("www.evil.org"), "www.\u200bevil.org");
}

TEST(PlainMarkdown, MakesNoMarkup) {
  EXPECT_EQ(plain_markdown("![x](y) <b> `c` *d* _e_ ~f~ a|b \\ &lt; $m$ {v}"),
            "!\u200b\\[x\\]\\(y\\) \\<b\\> \\`c\\` \\*d\\* \\_e\\_ \\~f\\~ a\\|b \\\\ \\&lt; "
            "\\$m\\$ \\{v\\}");
  EXPECT_EQ(plain_markdown("- a"), "\\- a");
  EXPECT_EQ(plain_markdown("12. a 3. b"), "12\\. a 3. b");
  EXPECT_EQ(plain_markdown("a\n# b\r\tc"), "a #\u200b b  c") << "one line";
}

TEST(CommentTemplate, ATitleFromAStrangerPutsInNothingButText) {
  const auto text =
      render("About {title}.", issue("@all `x` [y](http://z) closes #1\n<!-- timmy:k -->"));
  for (const char* live : {"@all", " `", "](", "#1", "://", "\n", "<!--"})
    EXPECT_THAT(text, Not(HasSubstr(live)));
}

TEST(Duration, IsNumbersWithTheirUnits) {
  EXPECT_EQ(parse_duration("90m"), seconds(5'400));
  EXPECT_EQ(parse_duration("1d12h"), seconds(129'600));
  EXPECT_EQ(parse_duration("0s"), seconds(0));
  for (const char* bad :
       {"", "3", "d", "3 d", "3w", "1d2", "-1d", "99999999999999999999d", "40000d", "20000d20000d"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

TEST(Duration, IsToldInItsTwoLargestUnits) {
  EXPECT_EQ(duration_text(seconds(0)), "0s");
  EXPECT_EQ(duration_text(seconds(59)), "59s");
  EXPECT_EQ(duration_text(seconds(5'400)), "1h30m");
  EXPECT_EQ(duration_text(seconds(86'400 + 60)), "1d");
  EXPECT_EQ(duration_text(seconds(3 * 86'400 + 7'200 + 60)), "3d2h");
}

TEST(Listed, TellsHowManyMore) {
  EXPECT_EQ(listed({}), "none");
  EXPECT_EQ(listed({"a", "b"}), "a, b");
  EXPECT_EQ(listed(Names(12, "a")), "a, a, a, a, a, a, a, a, a, a and 2 more");
}

}  // namespace
}  // namespace triage
