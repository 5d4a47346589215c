// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_checks.hpp"

#include <gmock/gmock.h>

#include "dispatch/playbook_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using State = Check::State;

DiffRules rules(int files, int lines, std::vector<std::string> denied = {}) {
  DiffRules made;
  made.files = files, made.lines = lines, made.denied = std::move(denied);
  return made;
}

WorkFacts touching(std::set<std::string> paths) {
  WorkFacts work;
  for (const auto& path : paths) work.files.push_back({path, 1, 0, false});
  work.touched = std::move(paths);
  return work;
}

GateSettings gates(std::vector<std::string> banned) {
  GateSettings made;
  made.banned = std::move(banned);
  return made;
}

TEST(SizeChecks, CountFilesAndLines) {
  WorkFacts work;
  work.files = {{"a", 5, 2, false}, {"b", 100, 0, false}};
  EXPECT_EQ(check_size(work, rules(2, 107)).state, State::passed);
  const auto lines = check_size(work, rules(2, 106));
  EXPECT_EQ(lines.state, State::failed);
  EXPECT_EQ(lines.summary, "2 files and 107 lines changed; at most 2 and 106");
  EXPECT_EQ(lines.evidence, "b: 100 added, 0 removed\na: 5 added, 2 removed");
  EXPECT_EQ(check_size(work, rules(1, 1000)).state, State::failed);
  EXPECT_EQ(check_size({}, rules(1, 1000)).state, State::failed);
}

TEST(SizeChecks, SayNoMoreThanFits) {
  WorkFacts work;
  for (int i = 0; i < 5000; ++i)
    work.files.push_back({"src/a-rather-long-name-" + std::to_string(i), 1, 0, false});
  const auto check = check_size(work, rules(20, 600));
  EXPECT_LE(check.evidence.size(), kMostEvidence);
  EXPECT_THAT(check.evidence, HasSubstr(" more"));
}

TEST(PathChecks, NameWhatIsDeniedInAnyCaseAndWhatIsNotTheLanes) {
  const auto work = touching({"src/a.c", "Docs/x.md", ".GITEA/workflows/x.yml", "srcs/b.c"});
  const auto check = check_paths(work, rules(9, 9, {".gitea/workflows", "docs"}), {"src"});
  EXPECT_EQ(check.state, State::failed);
  EXPECT_EQ(check.evidence,
            ".GITEA/workflows/x.yml: may not be touched (.gitea/workflows)\n"
            "Docs/x.md: may not be touched (docs)\n"
            "srcs/b.c: is not for this lane");
  EXPECT_EQ(check_paths(touching({"src/a.c"}), rules(9, 9, {"docs"}), {"src"}).state,
            State::passed);
  EXPECT_EQ(check_paths(touching({"any"}), rules(9, 9), {}).state, State::passed);
}

TEST(PathChecks, PrintNoPathAsItIs) {
  const auto check =
      check_paths(touching({"docs/\x1b[2J\n1. all passed"}), rules(9, 9, {"docs"}), {});
  EXPECT_THAT(check.evidence, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\n1."))));
}

TEST(LineChecksOf, ABannedTextFindItInAnyCaseAndPlace) {
  const auto settings = gates({"Anthropic", "TODO(agent)"});
  LineChecks lines(settings, nullptr);
  lines.look({"c0ffee", "src/a.py", 7, "import ANTHROPIC"});
  lines.look({"c0ffee", "src/a.py", 8, "import other"});
  WorkFacts work = touching({"docs/anthropic.md"});
  work.commits = {
      {workspaces::ObjectId::parse(std::string(40, 'a')).value(), "A <a@b>", "Use anthropic"}};
  lines.look_at_messages(work);
  lines.look_at_paths(work);
  const auto checks = lines.checks(true);
  ASSERT_THAT(checks, SizeIs(2));
  EXPECT_EQ(checks[0].state, State::passed);
  EXPECT_EQ(checks[1].name, "banned texts");
  EXPECT_EQ(checks[1].evidence,
            "src/a.py:7 (commit c0ffee): holds \"Anthropic\"\n"
            "commit aaaaaaaaaaaa, its message: holds \"Anthropic\"\n"
            "docs/anthropic.md, its name: holds \"Anthropic\"");
}

TEST(LineChecksOf, WorkThatWasNotSeenWholeFail) {
  const auto settings = gates({"x-y-z"});
  const auto checks = LineChecks(settings, nullptr).checks(false);
  for (const auto& check : checks) EXPECT_EQ(check.state, State::failed) << check.name;
}

TEST(LineChecksOf, APlaybookThatAsksForNoneAreNone) {
  auto settings = gates({});
  settings.secrets = false;
  LineChecks lines(settings, nullptr);
  lines.look({"c", "a", 1,
              "-----BEGIN PRIVATE"
              " KEY-----"});
  EXPECT_THAT(lines.checks(true), IsEmpty());
}

TEST(ModelChecks, RefuseWhatIsBannedNow) {
  const BannedModels banned({"anthropic"}, {"*claude*"});
  const std::vector<UsedModel> used{{"openai", "gpt-4o"},
                                    {"openrouter", "anthropic/claude-3"},
                                    {"anthropic", "x"},
                                    {"acme", "not a name"}};
  const auto lines = banned_models(used, banned);
  EXPECT_THAT(lines, SizeIs(3));
  EXPECT_EQ(check_models(lines).state, State::failed);
  EXPECT_THAT(banned_models({{"openai", "gpt-4o"}}, banned), IsEmpty());
  EXPECT_EQ(check_models({}).state, State::passed);
}

TEST(ReviewNotes, TellWhatLeavesTestsOut) {
  const auto settings = gates({});
  LineChecks lines(settings, nullptr);
  for (const char* line :
       {"@pytest.mark.skip(reason='x')", "  t.Skip(\"later\")", "it.skip('x', () => {})",
        "TEST(A, DISABLED_b) {", "#[ignore]", "  @Disabled", "describe.only('x')", "xit('x')",
        "[Fact(Skip = \"x\")]", "  GTEST_SKIP() << 1;", "@unittest.skipIf(True, 'x')"})
    lines.look({"c", "tests/a", 1, line});
  EXPECT_EQ(lines.skips().count(), 11U);
  for (const char* line : {"skip the header", "items.skip(3)", "exit(1)", "ignore = true"})
    lines.look({"c", "tests/a", 1, line});
  EXPECT_EQ(lines.skips().count(), 11U);
  WorkFacts work;
  work.files = {{"tests/test_a.py", 0, 4, true},
                {"src/a_test.cpp", 3, 1, false},
                {"src/new_test.cpp", 3, 0, false},
                {"src/a.cpp", 3, 9, false}};
  EXPECT_THAT(review_notes(work, lines.skips(), "x"),
              ElementsAre("removes 1 file of tests", "removes or changes lines in 1 file of tests",
                          "seems to leave tests out in 11 added lines"));
}

}  // namespace
}  // namespace host::dispatch
