// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_fixture.hpp"
#include "dispatch/verify_merge.hpp"

namespace host::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using workspaces::put;
using State = Check::State;

using Verify = VerifyTest;

std::vector<std::string> names(const WorkVerdict& verdict) {
  std::vector<std::string> all;
  for (const auto& check : verdict.checks) all.push_back(check.name);
  return all;
}

TEST_F(Verify, MakesEachCheckThatThePlaybookAsksFor) {
  mend();
  agent_commits(*clone_);
  EXPECT_THAT(names(verify()), ElementsAre("size", "paths", "messages", "secrets", "models",
                                           "merge", "command verify", "proof in verify"));
  EXPECT_THAT(names(verify(playbook_with("gates: { secrets: false, clean_merge: false, "
                                         "banned: [xyz] }\n"))),
              ElementsAre("size", "paths", "messages", "banned texts", "models"));
}

TEST_F(Verify, FindsAllThatIsWrongAtOnce) {
  for (int i = 0; i < 3; ++i) put(tree() / ("f" + std::to_string(i)), "xyz\n");
  agent_commits(*clone_, "Timmy-Run: 99.9");
  const auto verdict = verify(playbook_with(
      "gates: { diff: { files: 2 }, banned: [xyz], commands: [{ name: a, run: [\"false\"] }] }\n"));
  EXPECT_EQ(failed_checks(verdict), "size, messages, banned texts, command a");
}

// Before it can be verified: what is refused comes into no mirror, and nothing reads or runs it.
TEST_F(Verify, LearnsAllThatTheImportRefusesAtOnce) {
  put(tree() / "secret", "xyz\n");
  put(tree() / ".timmy" / "verify", "#!/bin/sh\n");
  agent_commits(*clone_, "Closes #99");
  const auto verdict = verify(playbook_with("gates: { diff: { denied_paths: [secret] } }\n"));
  EXPECT_EQ(failed_checks(verdict), "import");
  EXPECT_THAT(
      feedback(verdict),
      AllOf(HasSubstr("secret: may not be touched"), HasSubstr(".timmy/verify: may not be touched"),
            HasSubstr("\"Closes #99\", which would close or reopen it at the forge")));
}

TEST_F(Verify, SeesAConflictWithTheBaseAsItIsNow) {
  mend();
  agent_commits(*clone_);
  put(person() / "src" / "main.c", "int main(void) { return 7; }\n");
  person_commits("meanwhile");
  fetch();
  const auto verdict = verify();
  EXPECT_EQ(failed_checks(verdict), "merge");
  EXPECT_EQ(check_named(verdict, "merge").evidence, "src/main.c");
}

TEST_F(Verify, MergesWithABaseThatWentOnElsewhere) {
  mend();
  agent_commits(*clone_);
  put(person() / "README", "an app, and more\n");
  person_commits("meanwhile");
  fetch();
  const auto objects = [&] {
    return workspaces::plain_git(mirror_->git_dir(), {"--git-dir=.", "count-objects", "-v"});
  };
  ASSERT_TRUE(bundle(*clone_));
  (void)take_in(*clone_);
  const auto before = objects();
  EXPECT_EQ(check_named(verify(), "merge").state, State::passed);
  EXPECT_EQ(objects(), before) << "what merging made stays in the mirror";
}

TEST_F(Verify, OfABaseThatIsGoneIsNoVerdict) {
  mend();
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  const auto result = take_in(*clone_);
  EXPECT_EQ(
      workspaces::error_of([&] { return check_merge(*mirror_, result.head, "gone"); })->code(),
      Code::not_found);
}

TEST_F(Verify, RefusesWhatIsNotForTheLane) {
  mend();
  agent_commits(*clone_);
  const Lane lane{.name = "docs", .paths = {"docs"}};
  const auto verdict = verify(playbook_with(kGates), lane);
  EXPECT_EQ(failed_checks(verdict), "import");
  EXPECT_THAT(feedback(verdict), HasSubstr("src/main.c: is not for this lane"));
}

TEST_F(Verify, RefusesWhatABannedModelHelpedWith) {
  mend();
  agent_commits(*clone_);
  banned_ = BannedModels({"anthropic"}, {});
  models_ = {{"openai", "gpt-4o"}, {"anthropic", "claude-x"}};
  EXPECT_EQ(failed_checks(verify()), "models");
}

TEST_F(Verify, TakesOnlyTheWorkThatItWasTold) {
  mend();
  const auto first = agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  (void)take_in(*clone_);
  put(tree() / "README", "more\n");
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  (void)take_in(*clone_);
  EXPECT_EQ(
      workspaces::error_of([&] {
        return VerifyClone(*clones_, *mirror_, item(), clone_->record.branch, "main", first).tree();
      })->code(),
      Code::conflict);
}

TEST_F(Verify, RemovesTheCloneThatAHostLeftWhenItWasKilled) {
  mend();
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  const auto head = take_in(*clone_).head;
  auto left = item();
  left.playbook += ".verify";
  const auto old = clones_->make(
      *mirror_,
      {.item = left, .branch = clone_->record.branch, .base_branch = "main", .resume = true});
  put(old.tree() / "left", "by a command");
  const VerifyClone fresh(*clones_, *mirror_, item(), clone_->record.branch, "main", head);
  EXPECT_FALSE(std::filesystem::exists(fresh.tree() / "left"));
  EXPECT_TRUE(std::filesystem::exists(fresh.tree() / "src" / "main.c"));
}

}  // namespace
}  // namespace host::dispatch
