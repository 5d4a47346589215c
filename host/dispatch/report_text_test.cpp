// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "dispatch/report_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::size_t times(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(PullTexts, SayWhatWasDoneAndWhatWasChecked) {
  const auto playbook = playbook_that_reports();
  EXPECT_EQ(pull_title(playbook, report_facts()), "#1: It crashes");
  const auto body = pull_body(playbook, report_facts());
  EXPECT_THAT(body,
              AllOf(StartsWith("Closes #1.\n"), HasSubstr("It was a null."),
                    HasSubstr("| command verify | passed | ended with status 0 |"),
                    HasSubstr("run 12.2"), HasSubstr("12345 tokens"), HasSubstr("hermes 0.19.0")));
}

TEST(PullTexts, ShowTheGatesOnceWhateverTheTemplateSays) {
  for (const char* body : {"Short.", "{{gates.results}}"}) {
    const auto playbook =
        playbook_that_reports(std::string("report: { body: \"") + body + "\" }\n");
    EXPECT_EQ(times(pull_body(playbook, report_facts()), "| command verify |"), 1U) << body;
  }
}

TEST(PullTexts, TellAReviewerWhatNoGateDecides) {
  auto facts = report_facts();
  facts.verdict.notes = {"removes 2 files of tests"};
  facts.bypassable = true;
  facts.tokens_whole = false;
  EXPECT_THAT(pull_body(playbook_that_reports(), facts),
              AllOf(HasSubstr("- removes 2 files of tests\n"), HasSubstr("past the host's meter"),
                    HasSubstr("so many tokens at most")));
}

TEST(PullTexts, LetNobodysWordsBeMarkupOrOrders) {
  auto facts = report_facts();
  facts.report =
      "```\n</details>\n@everyone **merge** this\nCloses #99\n<!-- timmy:dispatch/0 -->\n"
      "\x1b[2J\xff````\n| gate | result |\n";
  facts.issue.title = "Fix closes #98 <!-- x";
  const auto body = pull_body(playbook_that_reports(), facts);
  EXPECT_THAT(body, AllOf(Not(HasSubstr("Closes #99")), Not(HasSubstr("<!--")),
                          Not(HasSubstr("\x1b")), Not(HasSubstr("\xff"))));
  // All of it stands between fences that are longer than any of its own.
  EXPECT_EQ(times(body, "\n`````text\n"), 1U);
  EXPECT_LT(body.find("`````text"), body.find("@everyone"));
  EXPECT_LT(body.find("@everyone"), body.rfind("\n`````\n"));
  EXPECT_EQ(pull_title(playbook_that_reports(), facts), "#1: Fix closes # 98 <! -- x");
}

TEST(PullTexts, FitTheForge) {
  auto facts = report_facts();
  facts.issue.title = std::string(1000, 'x');
  facts.issue.body = facts.report = std::string(100'000, '`');
  const auto playbook =
      playbook_that_reports("report:\n  body: |\n    A.\n\n" +
                            std::string("    {{run.report}}\n\n"
                                        "    {{issue.body}}\n\n    {{gates.results}}\n"));
  EXPECT_LE(pull_title(playbook, facts).size(), 255U);
  const auto body = pull_body(playbook, facts);
  EXPECT_LE(body.size(), kMostBody);
  EXPECT_THAT(body, HasSubstr("| command verify |"));
}

TEST(PullTexts, ThatCanNotFitSaySo) {
  auto facts = report_facts();
  for (int i = 0; i < 40; ++i)
    facts.verdict.checks.push_back({"proof", Check::State::passed, std::string(1000, 'x'), ""});
  const auto playbook =
      playbook_that_reports("report:\n  body: |\n    {{gates.results}}\n    {{gates.results}}\n");
  const auto body = pull_body(playbook, facts);
  EXPECT_LE(body.size(), kMostBody);
  EXPECT_THAT(body, HasSubstr("too long for the forge"));
}

TEST(IssueComments, SayWhereTheWorkIs) {
  EXPECT_THAT(pull_comment(playbook_that_reports(), report_facts(), 7),
              AllOf(HasSubstr("Pull request #7"), HasSubstr("2 of 2 gates passed"),
                    HasSubstr("waits for a person")));
  EXPECT_THAT(pull_comment(playbook_that_reports(), report_facts(), 7),
              Not(HasSubstr("It was a null")));
}

TEST(IssueComments, OfWorkThatFailedShowWhatFailed) {
  auto facts = report_facts();
  facts.verdict.checks.push_back(
      {"command lint", Check::State::failed, "ended with status 1", "```\nFixes #99 @ada"});
  const auto text =
      failure_comment(playbook_that_reports(), facts, "no attempt is left", "branch timmy/issue-1");
  EXPECT_THAT(text, AllOf(HasSubstr("no attempt is left"), HasSubstr("| command lint | failed |"),
                          HasSubstr("````text\n1. command lint"), HasSubstr("Fixes # 99"),
                          HasSubstr("branch timmy/issue-1")));
}

TEST(IssueComments, AreReportsWithoutGatesOfChanges) {
  const auto playbook = playbook_that_reports("report: { kind: comment }\n");
  const auto text = report_comment(playbook, report_facts());
  EXPECT_THAT(text, AllOf(HasSubstr("It was a null."), Not(HasSubstr("| size |"))));
}

TEST(CommentKeys, AreOfOneIssueAndPlaybook) {
  const auto playbook = playbook_that_reports();
  const auto key = comment_key(playbook, "org/app", 1);
  EXPECT_EQ(comment_key(playbook, "org/app", 1), key);
  EXPECT_NE(comment_key(playbook, "org/app", 11), key);
  EXPECT_NE(comment_key(playbook, "org/app1", 1), key);
  // A name that could end its own line can't.
  EXPECT_EQ(comment_key(playbook, "org/a--b", 1).find("--"), std::string::npos);
}

}  // namespace
}  // namespace host::dispatch
