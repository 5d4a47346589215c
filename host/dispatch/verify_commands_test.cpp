// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_commands.hpp"

#include <re2/re2.h>

#include "dispatch/verify_fixture.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using workspaces::put;
using State = Check::State;

TEST(Outputs, OfAnyLengthAreKeptAtBothEnds) {
  KeptOutput output;
  output.take("begin\n");
  for (int i = 0; i < 20; ++i) output.take(std::string(std::size_t{1} << 20, 'x'));
  output.take("\nend");
  const auto text = output.text();
  EXPECT_THAT(text, StartsWith("begin\n"));
  EXPECT_THAT(text, EndsWith("\nend"));
  EXPECT_THAT(text, HasSubstr("bytes are left out here]"));
  EXPECT_LT(text.size(), KeptOutput::kHead + KeptOutput::kTail + 100);
  EXPECT_EQ(output.bytes(), 6 + (std::uint64_t{20} << 20) + 4);
}

TEST(Outputs, ThatFitAreKeptWhole) {
  KeptOutput output;
  std::string all;
  for (int i = 0; i < 3; ++i) {
    const std::string piece(std::size_t{1} << 20, static_cast<char>('a' + i));
    output.take(piece);
    all += piece;
  }
  EXPECT_EQ(output.text(), all);
}

TEST(Outputs, EndWithWholeLinesAndCharacters) {
  EXPECT_EQ(end_of("one\ntwo\n\n"), "one\ntwo");
  const auto end = end_of(std::string(kMostEvidence, 'x') + "\nlast line");
  EXPECT_EQ(end, "last line");
  std::string wide;
  for (int i = 0; i < 3000; ++i) wide += "\xc3\xa4";
  EXPECT_EQ(end_of("a" + wide + "a").substr(0, 2), "\xc3\xa4");
  EXPECT_LE(end_of(wide).size(), kMostEvidence);
}

TEST(Proofs, AreFoundInALineThatSaysThatTestsRan) {
  const RE2 passed("[1-9][0-9]* passed");
  EXPECT_TRUE(proves_tests(passed, "x\n== 12 passed in 1s ==\n"));
  EXPECT_FALSE(proves_tests(passed, "0 passed\n"));
  EXPECT_FALSE(proves_tests(passed, ""));
}

TEST(Proofs, AreNoneWhereTheOutputSaysThatThereWasNothingToRun) {
  const RE2 loose("(?im)^ok\\b.*|passed|OK");
  for (const char* text :
       {"ok  \texample.org/x\t0.003s [no tests to run]", "?  \tx\t[no test files] ok",
        "no tests ran OK", "Ran 0 tests in 0.000s OK", "0 passed", "Tests run: 0 OK",
        "0 tests executed OK", "No tests were found!!! OK", "No tests found, exiting OK"})
    EXPECT_FALSE(proves_tests(loose, text)) << text;
  for (const char* text :
       {"ok  \ta\t0.1s [no tests to run]\nok  \tb\t0.2s\n", "10 passed, 0 skipped",
        "100% tests passed, 0 tests failed out of 9", "test result: ok. 3 passed; 0 failed"})
    EXPECT_TRUE(proves_tests(loose, text)) << text;
}

TEST(Proofs, WithAPatternThatMatchesNothingEnd) {
  const RE2 empty("x*");
  EXPECT_TRUE(proves_tests(empty, "abc"));
  EXPECT_FALSE(proves_tests(empty, "0 passed"));
}

class GateCommands : public VerifyTest {
 protected:
  WorkVerdict verified(const std::string& more) {
    if (!fs::exists(tree() / "mended")) {
      put(tree() / "mended", "1\n");
      mend();
      agent_commits(*clone_);
    }
    const auto playbook = playbook_with(more);
    return verify(playbook);
  }
};

TEST_F(GateCommands, RunOnWhatSetupLeft) {
  const auto verdict = verified(R"(
workspace: { setup: [{ run: [sh, -c, "echo 5 passed > built"] }] }
gates:
  commands: [{ name: a, run: [cat, built] }, { name: b, run: [test, -s, built] }]
  tests: [{ command: a, pattern: "[1-9] passed" }, { file: built, pattern: passed }]
)");
  EXPECT_TRUE(verdict.passed()) << failed_checks(verdict) << feedback(verdict);
}

TEST_F(GateCommands, AfterASetupThatFailedAreNotRun) {
  const auto verdict = verified(R"(
workspace: { setup: [{ run: ["false"] }] }
gates: { commands: [{ name: a, run: [touch, ran] }] }
)");
  EXPECT_EQ(failed_checks(verdict), "setup 1");
  EXPECT_EQ(check_named(verdict, "command a").state, State::not_run);
}

TEST_F(GateCommands, ThatWriteToTheirErrorsAreHeard) {
  const auto verdict = verified(R"(
gates:
  commands: [{ name: a, run: [sh, -c, "echo Ran 4 tests >&2"] }]
  tests: [{ command: a, pattern: "Ran [1-9] tests" }]
)");
  EXPECT_TRUE(verdict.passed()) << feedback(verdict);
}

TEST_F(GateCommands, ThatTheAgentRemovedFail) {
  fs::remove(tree() / "tests" / "run");
  const auto verdict = verified("gates: { commands: [{ name: a, run: [tests/run] }] }\n");
  EXPECT_EQ(check_named(verdict, "command a").state, State::failed);
}

TEST_F(GateCommands, ThatNobodyHasAreTheHostsFaultAndNotTheWorks) {
  for (const char* run : {"[ci/verify]", "[no-such-program-anywhere]"})
    EXPECT_EQ(
        workspaces::error_of([&] {
          return verified(std::string("gates: { commands: [{ name: a, run: ") + run + " }] }\n");
        })->code(),
        Code::not_found)
        << run;
}

TEST_F(GateCommands, ThatDieOfASignalFail) {
  const auto verdict = verified(R"(
gates: { commands: [{ name: a, run: [sh, -c, "kill -SEGV $$"] }] }
)");
  EXPECT_THAT(check_named(verdict, "command a").summary, HasSubstr("killed by signal 11"));
}

TEST_F(GateCommands, ShowNoSecretOfTheHostsInTheirEvidence) {
  redactor_.add(Secret("s3cr3t-of-the-host-0815"));
  const auto verdict = verified(R"(
gates: { commands: [{ name: a, run: [sh, -c, "echo s3cr3t-of-the-host-0815; false"] }] }
)");
  EXPECT_EQ(check_named(verdict, "command a").evidence, "[redacted]");
}

TEST_F(GateCommands, LeaveNoCloneBehind) {
  (void)verified("gates: { commands: [{ name: a, run: [touch, left] }] }\n");
  EXPECT_EQ(clones_->list().clones.size(), 1U);
  EXPECT_FALSE(fs::exists(tree() / "left"));
}

}  // namespace
}  // namespace host::dispatch
