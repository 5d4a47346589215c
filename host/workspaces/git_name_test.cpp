// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git_name.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace host::workspaces {
namespace {

TEST(ObjectId, IsFortyLowerCaseDigits) {
  const std::string id(40, 'a');
  EXPECT_EQ(ObjectId::parse(id).value().text(), id);
  EXPECT_FALSE(ObjectId::parse(id.substr(1)));
  EXPECT_FALSE(ObjectId::parse(id + "a"));
  EXPECT_FALSE(ObjectId::parse(std::string(40, 'A')));
  EXPECT_FALSE(ObjectId::parse(std::string(39, 'a') + "g"));
  EXPECT_FALSE(ObjectId::parse(std::string(64, 'a'))) << "SHA-256";
  EXPECT_FALSE(ObjectId::parse("--upload-pack=x"));
}

TEST(CheckBranch, TakesWhatGitTakes) {
  for (const char* name : {"main", "timmy/issue-12", "release/2.x", "b\xc3\xa4r", "a@b", "x.y"})
    EXPECT_NO_THROW(check_branch(name, "the branch")) << name;
}

TEST(CheckBranch, RefusesTheRest) {
  for (const char* name : {"",       "-x",       "--upload-pack=x",
                           "a..b",   "a b",      "a\nb",
                           "a~1",    "a^",       "a:b",
                           "a?",     "a*",       "a[",
                           "a\\b",   "/a",       "a/",
                           "a//b",   ".a",       "a/.b",
                           "a.lock", "a.lock/b", "a.",
                           "@",      "a@{1}",    "HEAD",
                           "\x7f"})
    EXPECT_THROW(check_branch(name, "the branch"), Error) << name;
  EXPECT_THROW(check_branch(std::string(201, 'a'), "the branch"), Error);
}

TEST(BranchOf, DerivesFromWhatIsClaimedAlone) {
  EXPECT_EQ(branch_of({"org/app", 12, "bug-fixer"}), "timmy/issue-12");
  EXPECT_EQ(branch_of({"org/app", 12, "refactor-specialist"}), "timmy/issue-12")
      << "two playbooks on one issue must not both be able to push";
}

TEST(FolderName, IsReadableAndOfItsOwn) {
  const auto name = folder_name(WorkItem{"org/app", 12, "bug-fixer"});
  EXPECT_THAT(name, ::testing::MatchesRegex("org-app-12-bug-fixer-[0-9a-f]{12}"));
  EXPECT_NE(name, folder_name(WorkItem{"org-app", 12, "bug-fixer"}));
  EXPECT_NE(name, folder_name(WorkItem{"org/app", 12, "other"}));
  EXPECT_THAT(folder_name("org/app", 0), ::testing::MatchesRegex("org-app-[0-9a-f]{12}"));
}

// A repository that is renamed keeps its mirror and its clones, and another one that takes its name
// has its own.
TEST(FolderName, GoesByTheRepositorysIdAndNotByItsName) {
  const auto name = folder_name(WorkItem{"org/app", 12, "bug-fixer", 7});
  EXPECT_THAT(name, ::testing::MatchesRegex("repo-7-12-bug-fixer-[0-9a-f]{12}"));
  EXPECT_EQ(name, folder_name(WorkItem{"other/web", 12, "bug-fixer", 7}));
  EXPECT_NE(name, folder_name(WorkItem{"org/app", 12, "bug-fixer", 8}));
  EXPECT_NE(name, folder_name(WorkItem{"org/app", 1, "2-bug-fixer", 7}));
  EXPECT_EQ(folder_name("org/app", 7), "repo-7");
  EXPECT_EQ(folder_name("other/web", 7), "repo-7");
}

TEST(FolderName, LeadsNowhereElse) {
  for (const char* name : {"../../etc", ".hidden", "/abs", "a\nb", "-x/--y"}) {
    const auto folder = folder_name(WorkItem{name, 1, "../.."});
    EXPECT_EQ(folder.find('/'), std::string::npos) << folder;
    EXPECT_NE(folder.front(), '.') << folder;
  }
}

}  // namespace
}  // namespace host::workspaces
