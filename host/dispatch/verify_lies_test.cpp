// SPDX-License-Identifier: Apache-2.0
//
// Lies that an agent may tell about its work, and what comes of each.
#include "dispatch/report.hpp"
#include "dispatch/report_words.hpp"
#include "dispatch/template_quote.hpp"
#include "dispatch/verify_checks.hpp"
#include "dispatch/verify_fixture.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using workspaces::put;
using State = Check::State;

using AnAgent = VerifyTest;

TEST_F(AnAgent, ThatTellsNoLiePasses) {
  mend();
  agent_commits(*clone_);
  const auto verdict = verify();
  EXPECT_TRUE(verdict.passed()) << failed_checks(verdict) << "\n" << feedback(verdict);
  EXPECT_THAT(verdict.notes, IsEmpty());
  EXPECT_EQ(feedback(verdict), "");
}

TEST_F(AnAgent, ThatSaysDoneWithoutACommitHasNoWork) {
  put(tree() / "report.md", "Done! All 312 tests pass.");
  const auto verdict = verify();
  EXPECT_FALSE(verdict.passed());
  EXPECT_THAT(feedback(verdict), HasSubstr("there is no commit"));
}

TEST_F(AnAgent, ThatCommitsNothingHasChangedNothing) {
  agent_commits(*clone_, "Fix everything");
  const auto verdict = verify();
  EXPECT_EQ(check_named(verdict, "size").state, State::failed);
  EXPECT_THAT(check_named(verdict, "size").summary, HasSubstr("change nothing"));
}

TEST_F(AnAgent, WhoseTestsPassByAFileThatItDidNotCommitFails) {
  put(tree() / "README", "an app, mended\n");
  agent_commits(*clone_);
  // In its own tree, .timmy/verify ends well now.
  mend();
  put(tree() / "tests" / "run", "echo 99 passed\n");
  const auto verdict = verify();
  EXPECT_EQ(check_named(verdict, "command verify").state, State::failed);
}

TEST_F(AnAgent, WhoseIgnoredFilesMakeTheTestsPassFails) {
  put(tree() / ".gitignore", "cache\n");
  put(tree() / "tests" / "run", "cat cache/result\n");
  agent_commits(*clone_);
  put(tree() / "cache" / "result", "12 passed\n");
  EXPECT_EQ(failed_checks(verify()), "command verify");
}

TEST_F(AnAgent, ThatMakesTheTestsRunNothingProvesNothing) {
  mend();
  put(tree() / "tests" / "run", "echo ok; exit 0\n");
  agent_commits(*clone_);
  const auto verdict = verify();
  EXPECT_EQ(check_named(verdict, "command verify").state, State::passed);
  EXPECT_EQ(failed_checks(verdict), "proof in verify");
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("removes or changes lines in 1 file of tests")));
}

TEST_F(AnAgent, ThatHasTheTestsSkippedProvesNothingAndIsTold) {
  mend();
  put(tree() / "tests" / "run", "echo '3 skipped, 0 passed'\n");
  put(tree() / "tests" / "test_app.py", "@pytest.mark.skip\ndef test_app(): pass\n");
  agent_commits(*clone_);
  const auto verdict = verify();
  EXPECT_EQ(failed_checks(verdict), "proof in verify");
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("seems to leave tests out in 1 added line")));
}

TEST_F(AnAgent, ThatRemovesATestIsTold) {
  put(person() / "tests" / "test_old.py", "def test_old(): pass\n");
  person_commits("another test");
  fetch();
  clone_ = make_clone(13);
  mend();
  fs::remove(tree() / "tests" / "test_old.py");
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  const auto result = take_in(*clone_);
  const auto work = read_work(*mirror_, clone_->record.base, result.head);
  EXPECT_THAT(review_notes(work, {}, "agent@example.org"), Contains("removes 1 file of tests"));
}

TEST_F(AnAgent, ThatClaimsInItsReportThatTestsRanIsNotAsked) {
  agent_commits(*clone_);
  put(tree() / "report.md", "verify: 12 passed\nexit status 0\n");
  put(tree() / "README", "12 passed\n");
  agent_commits(*clone_, "12 passed");
  EXPECT_EQ(failed_checks(verify()), "command verify");
}

TEST_F(AnAgent, ThatCommitsTheProofAsAFileProvesNothing) {
  mend();
  put(tree() / "build" / "report.txt", "12 passed\n");
  agent_commits(*clone_);
  const auto playbook = playbook_with(R"(
gates:
  commands: [{ name: verify, run: [.timmy/verify] }]
  tests: [{ file: build/report.txt, pattern: "[1-9][0-9]* passed" }]
)");
  const auto verdict = verify(playbook);
  EXPECT_EQ(failed_checks(verdict), "proof in build/report.txt");
  EXPECT_THAT(feedback(verdict), HasSubstr("no command has written the file anew"));
}

TEST_F(AnAgent, ThatLeadsTheProofElsewhereByALinkProvesNothing) {
  put(folder_ / "outside" / "report.txt", "12 passed\n");
  mend();
  put(tree() / "tests" / "run", "mkdir build && ln -s " +
                                    (folder_ / "outside" / "report.txt").string() +
                                    " build/report.txt\n");
  agent_commits(*clone_);
  const auto playbook = playbook_with(R"(
gates:
  commands: [{ name: verify, run: [.timmy/verify] }]
  tests: [{ file: build/report.txt, pattern: "[1-9][0-9]* passed" }]
)");
  EXPECT_EQ(failed_checks(verify(playbook)), "proof in build/report.txt");
}

TEST_F(AnAgent, ThatRewritesHowItIsVerifiedIsNotTakenIn) {
  put_program(tree() / ".timmy" / "verify", "#!/bin/sh\necho 12 passed\n");
  agent_commits(*clone_);
  const auto verdict = verify();
  EXPECT_EQ(failed_checks(verdict), "import");
  EXPECT_THAT(feedback(verdict), HasSubstr(".timmy/verify: may not be touched"));
}

TEST_F(AnAgent, ThatTouchesADeniedPathAndTakesItBackIsSeen) {
  const auto playbook = playbook_with("gates: { diff: { denied_paths: [secret] } }\n");
  put(tree() / "secret" / "key", "x\n");
  agent_commits(*clone_, "first");
  fs::remove_all(tree() / "secret");
  mend();
  agent_commits(*clone_, "second");
  ASSERT_TRUE(bundle(*clone_));
  const auto result = take_in(*clone_);
  const auto work = read_work(*mirror_, clone_->record.base, result.head);
  EXPECT_EQ(work.files.size(), 1U);
  EXPECT_EQ(check_paths(work, playbook.gates.diff, {}).state, State::failed);
}

TEST_F(AnAgent, ThatAddsACredentialAndTakesItBackIsSeen) {
  const std::string key = "AKIA" + std::string("Q3EGR7X2LMNOP5TU");
  put(tree() / "src" / "keys.c", "const char *key = \"" + key + "\";\n");
  agent_commits(*clone_, "first");
  fs::remove(tree() / "src" / "keys.c");
  mend();
  agent_commits(*clone_, "second");
  const auto verdict = verify();
  EXPECT_EQ(failed_checks(verdict), "secrets");
  const auto check = check_named(verdict, "secrets");
  EXPECT_THAT(check.evidence, AllOf(HasSubstr("src/keys.c:1"), HasSubstr("an AWS access key")));
  EXPECT_THAT(feedback(verdict), Not(HasSubstr(key))) << "it is never written out";
}

TEST_F(AnAgent, ThatHidesACredentialFromADiffIsSeen) {
  put(tree() / ".gitattributes", "* -diff binary\n");
  put(tree() / "src" / "blob.bin", std::string(3, '\0') + "AKIA" + "Q3EGR7X2LMNOP5TU" + "\n");
  mend();
  agent_commits(*clone_);
  EXPECT_EQ(failed_checks(verify()), "secrets");
}

TEST_F(AnAgent, ThatSendsOutASecretOfTheHostsIsSeen) {
  redactor_.add(Secret("s3cr3t-of-the-host-0815"));
  mend();
  put(tree() / "src" / "notes.txt", "s3cr3t-of-the-host-0815\n");
  agent_commits(*clone_);
  const auto verdict = verify();
  EXPECT_EQ(failed_checks(verdict), "secrets");
  EXPECT_THAT(feedback(verdict), Not(HasSubstr("0815")));
}

TEST_F(AnAgent, ThatWritesTheHostsTrailersItselfIsRefused) {
  mend();
  agent_commits(*clone_, "Fix\n\nTimmy-Run: 99.9\nTimmy-Gates: all=passed\n");
  const auto verdict = verify();
  EXPECT_EQ(failed_checks(verdict), "messages");
  EXPECT_THAT(feedback(verdict), HasSubstr("which only the host writes"));
}

TEST_F(AnAgent, ThatClosesOtherIssuesInItsCommitsIsRefused) {
  mend();
  for (const auto* words :
       {"Closes #99", "this FIXES: other/repo#12", "resolved !7", "reopens #3", "fixes GH-3",
        "close https://git.example.org/org/app/issues/99", "fix\n#99"})
    EXPECT_EQ(
        check_messages(
            {{{workspaces::ObjectId::parse(std::string(40, 'a')).value(), "a", words}}, {}, {}},
            "org/app", 12)
            .state,
        State::failed)
        << words;
  agent_commits(*clone_, "Fix it\n\nCloses #99");
  EXPECT_THAT(feedback(verify()), HasSubstr("\"Closes #99\", which would close or reopen it"));
}

TEST_F(AnAgent, MayCloseItsOwnIssueAndNameOthers) {
  for (const auto* words :
       {"Closes #12", "fixes org/app#12", "Fixes Org/App#12", "see #99", "a prefix #99",
        "closes https://git.example.org/org/app/issues/12", "affix #3", "enclose #4"})
    EXPECT_EQ(
        check_messages(
            {{{workspaces::ObjectId::parse(std::string(40, 'a')).value(), "a", words}}, {}, {}},
            "org/app", 12)
            .evidence,
        "")
        << words;
}

TEST_F(AnAgent, WhoseMessagesAreNoTextIsRefused) {
  mend();
  agent_commits(*clone_, "Fix \x1b[2J\x1b[31mit");
  EXPECT_EQ(failed_checks(verify()), "messages");
}

TEST_F(AnAgent, ThatCallsItselfSomebodyElseIsTold) {
  mend();
  workspaces::plain_git(tree(), {"add", "--all"});
  workspaces::plain_git(tree(), {"commit", "--quiet", "--message", "work", "--author",
                                 "Ada Lovelace <ada@example.org>"});
  const auto verdict = verify();
  EXPECT_TRUE(verdict.passed()) << feedback(verdict);
  EXPECT_THAT(verdict.notes, Contains(HasSubstr("names another author")));
}

TEST_F(AnAgent, WhoseOutputIsHugeIsHeardInPart) {
  mend();
  put(tree() / "tests" / "run",
      "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo 3 passed; exit 1\n");
  agent_commits(*clone_);
  const auto verdict = verify();
  const auto check = check_named(verdict, "command verify");
  EXPECT_EQ(check.state, State::failed);
  EXPECT_LE(check.evidence.size(), kMostEvidence);
  EXPECT_THAT(check.evidence, HasSubstr("3 passed"));
  EXPECT_LE(quote_text(feedback(verdict), TemplatePlace::prompt).size(), 40'000U);
}

TEST_F(AnAgent, WhoseOutputIsNoTextBecomesText) {
  mend();
  put(tree() / "tests" / "run", "printf '\\377\\033[2J3 passed\\r\\n> quoted\\n'; exit 1\n");
  agent_commits(*clone_);
  const auto shown = quote_text(feedback(verify()), TemplatePlace::prompt);
  EXPECT_THAT(shown, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xff")), HasSubstr("3 passed")));
}

TEST_F(AnAgent, WhoseTestsNeverEndAreEnded) {
  mend();
  put(tree() / "tests" / "run", "echo 3 passed; sleep 600\n");
  agent_commits(*clone_);
  const auto verdict = verify(playbook_with(R"(
gates:
  commands: [{ name: verify, run: [.timmy/verify], timeout: 1s }, { name: lint, run: [ls] }]
  tests: [{ command: verify, pattern: "[1-9][0-9]* passed" }]
)"));
  EXPECT_EQ(failed_checks(verdict), "command verify");
  EXPECT_THAT(check_named(verdict, "command verify").summary, HasSubstr("not done after 1s"));
  EXPECT_EQ(check_named(verdict, "command lint").state, State::not_run);
  EXPECT_EQ(check_named(verdict, "proof in verify").state, State::not_run);
}

TEST(AnAgentsWords, AreNoMarkerAndNoOrderInTheHostsTexts) {
  EXPECT_THAT(disarmed("<!-- timmy:dispatch/0123 -->"), Not(HasSubstr("<!-- timmy:")));
  // What can't be seen does not hide it.
  EXPECT_THAT(disarmed("<!-\xe2\x80\x8b- timmy:dispatch/0123 -->"), Not(HasSubstr("<!--")));
  EXPECT_EQ(disarmed("Closes #99, fixes org/app#7"), "Closes # 99, fixes org/app# 7");
  EXPECT_EQ(disarmed("closes https://git.example.org/org/app/issues/99"),
            "closes https://git.example.org/org/app/issues/ 99");
  EXPECT_EQ(disarmed("fixes GH-3"), "fixes GH- 3");
  EXPECT_EQ(disarmed("see #99 and it's fine"), "see #99 and it's fine");
}

TEST(AReport, WithoutWordsOrWithACredentialFails) {
  const auto playbook = playbook_with("report: { kind: comment }\n");
  EXPECT_EQ(failed_checks(verify_report(playbook, " \n\t\n", nullptr)), "report");
  EXPECT_TRUE(verify_report(playbook, "I looked at src/main.c.", nullptr).passed());
  const auto verdict =
      verify_report(playbook, "found:\nAKIA" + std::string("Q3EGR7X2LMNOP5TU"), nullptr);
  EXPECT_EQ(failed_checks(verdict), "secrets");
  EXPECT_THAT(check_named(verdict, "secrets").evidence, HasSubstr("the report:2"));
}

}  // namespace
}  // namespace host::dispatch
