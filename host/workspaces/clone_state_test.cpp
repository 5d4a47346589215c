// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_state.hpp"

#include <sys/stat.h>

#include "workspaces/clone_refs.hpp"
#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CloneStateTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    put(person() / ".gitignore", "*.o\n");
    person_commits("ignore");
    fetch();
    clone_.emplace(make_clone());
  }
  [[nodiscard]] fs::path tree() const { return clone_->tree(); }
  [[nodiscard]] CloneState state() const { return inspect(*mirror_, *clone_); }
  [[nodiscard]] std::string reason() const {
    const auto now = state();
    return now.clean ? "clean" : now.reason;
  }
  // git that writes a byte for each time it is run.
  [[nodiscard]] fs::path counting_git() const {
    const auto path = folder_ / "counting-git";
    put(path,
        "#!/bin/sh\nprintf x >> '" + (folder_ / "runs").string() + "'\nexec /usr/bin/git \"$@\"\n");
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  void hand_in() {
    ASSERT_TRUE(bundle(*clone_));
    ASSERT_THAT(take_in(*clone_).problems, IsEmpty());
  }

  std::optional<Clone> clone_;
};

TEST_F(CloneStateTest, AFreshCloneIsClean) { EXPECT_EQ(reason(), "clean"); }

TEST_F(CloneStateTest, CommitsAreWorkUntilTheyAreImported) {
  put(tree() / "README", "changed\n");
  agent_commits(*clone_);
  EXPECT_THAT(reason(), HasSubstr("was not imported"));
  hand_in();
  EXPECT_EQ(reason(), "clean");
}

TEST_F(CloneStateTest, SoIsWhatIsNotCommitted) {
  put(tree() / "README", "changed\n");
  EXPECT_THAT(reason(), HasSubstr("README is not committed"));
  plain_git(tree(), {"checkout", "--", "."});
  EXPECT_EQ(reason(), "clean");
  put(tree() / "new file", "x");
  EXPECT_THAT(reason(), HasSubstr("new file is not committed"));
  fs::remove(tree() / "new file");
  fs::remove(tree() / "README");
  EXPECT_THAT(reason(), HasSubstr("README"));
}

TEST_F(CloneStateTest, SoIsWhatIsOnlyStaged) {
  put(tree() / "README", "changed\n");
  plain_git(tree(), {"add", "README"});
  put(tree() / "README", "an app\n");
  EXPECT_THAT(reason(), HasSubstr("staged"));
}

TEST_F(CloneStateTest, SoIsAnyOtherRef) {
  const auto before = plain_git(tree(), {"rev-parse", "HEAD"}).substr(0, 40);
  agent_commits(*clone_);
  plain_git(tree(), {"branch", "aside"});
  plain_git(tree(), {"reset", "--quiet", "--hard", before});
  EXPECT_THAT(reason(), HasSubstr("refs/heads/aside was not imported"));
  plain_git(tree(), {"pack-refs", "--all"});
  EXPECT_THAT(reason(), HasSubstr("refs/heads/aside was not imported")) << "packed";
  plain_git(tree(), {"branch", "-D", "aside"});
  EXPECT_EQ(reason(), "clean");
  put(tree() / "README", "stashed\n");
  plain_git(tree(), {"stash", "--quiet"});
  EXPECT_THAT(reason(), HasSubstr("refs/stash was not imported"));
}

TEST_F(CloneStateTest, SoIsADetachedHead) {
  plain_git(tree(), {"checkout", "--quiet", "--detach"});
  agent_commits(*clone_);
  EXPECT_THAT(reason(), HasSubstr("HEAD was not imported"));
}

TEST_F(CloneStateTest, WhatTheRepositoryIgnoresIsNoWork) {
  put(tree() / "src" / "main.o", "built");
  EXPECT_EQ(reason(), "clean");
}

// One that nobody committed could leave out itself and all that lies beside it.
TEST_F(CloneStateTest, WhatAnIgnoreFileThatIsNotCommittedLeavesOutIs) {
  put(tree() / ".gitignore", "*.o\n*\n");
  EXPECT_THAT(reason(), HasSubstr(".gitignore is not committed"));
  plain_git(tree(), {"checkout", "--", "."});
  put(tree() / "new" / ".gitignore", "*\n");
  put(tree() / "new" / "work.c", "x");
  EXPECT_THAT(reason(), HasSubstr("new/.gitignore is left out by a .gitignore that is not"));
  put(tree() / "new" / ".gitignore", "work.c\n");
  EXPECT_THAT(reason(), HasSubstr("new/.gitignore is not committed"));
  fs::remove_all(tree() / "new");
  put(tree() / "src" / "main.o", "built");
  put(tree() / ":(literal)x.o", "a name that means more to git");
  EXPECT_EQ(reason(), "clean");
  put(tree() / ":(top)work" / ".gitignore", "*\n");
  EXPECT_THAT(reason(), HasSubstr(":(top)work/.gitignore is left out"));
}

// As in a folder of dependencies: what is ignored whole has ignore files of its own.
TEST_F(CloneStateTest, WhatLiesBelowWhatTheRepositoryIgnoresIsNoWork) {
  put(person() / ".gitignore", "*.o\n/deps/\n");
  person_commits("ignore more");
  fetch();
  clones_->remove(*clone_);
  clone_.emplace(make_clone());
  put(tree() / "deps" / "lib" / ".gitignore", "*\n");
  put(tree() / "deps" / "lib" / "code", "x");
  EXPECT_EQ(reason(), "clean");
}

// A program that is asked once for each ref would be started thousands of times.
TEST_F(CloneStateTest, ThousandsOfRefsAreLookedThroughInAFewSteps) {
  const auto base = clone_->record.base.text();
  const auto commit =
      plain_git(tree(), {"commit-tree", "-p", base, "-m", "x", base + "^{tree}"}).substr(0, 40);
  std::string packed;
  for (int i = 1000; i < 5000; ++i)
    packed += (i == 3456 || i == 4000 ? commit : base) + " refs/heads/x" + std::to_string(i) + "\n";
  put(tree() / ".git" / "packed-refs", packed);
  const Git counted({.program = counting_git(), .home = folder_ / "home"});
  const Mirror mirror(counted, mirror_->git_dir().parent_path());
  EXPECT_THAT(inspect(mirror, *clone_).reason, HasSubstr("refs/heads/x3456 was not imported"));
  EXPECT_LT(fs::file_size(folder_ / "runs"), 25u);
}

TEST_F(CloneStateTest, WhatOnlyTheAgentIgnoresIs) {
  put(tree() / ".git" / "info" / "exclude", "*\n");
  plain_git(tree(), {"config", "core.excludesFile", (tree() / ".git" / "info" / "exclude")});
  put(tree() / "hidden", "x");
  EXPECT_THAT(reason(), HasSubstr("hidden is not committed"));
  fs::remove(tree() / "hidden");
  put(tree() / "README", "changed\n");
  plain_git(tree(), {"update-index", "--assume-unchanged", "README"});
  EXPECT_THAT(reason(), HasSubstr("README is not committed"));
}

TEST_F(CloneStateTest, WhateverIsNotAsGitLeavesItIsKept) {
  const std::pair<const char*, std::function<void()>> table[] = {
      {".git is no folder",
       [&] {
         fs::rename(tree() / ".git", tree() / "git");
         put(tree() / ".git", "gitdir: /etc\n");
       }},
      {".git is no folder",
       [&] {
         fs::rename(tree() / ".git", clone_->folder / "git");
         fs::create_directory_symlink(clone_->folder / "git", tree() / ".git");
       }},
      {"MERGE_HEAD", [&] { put(tree() / ".git" / "MERGE_HEAD", ""); }},
      {"worktrees", [&] { fs::create_directory(tree() / ".git" / "worktrees"); }},
      {"alternates", [&] { put(tree() / ".git" / "objects" / "info" / "alternates", "/etc\n"); }},
      {"names no object", [&] { put(tree() / ".git" / "refs" / "heads" / "x", "garbage"); }},
      {"no regular file",
       [&] { fs::create_symlink("/etc/passwd", tree() / ".git" / "refs" / "heads" / "x"); }},
      {"no regular file",
       [&] {
         fs::remove(tree() / ".git" / "HEAD");
         ::mkfifo((tree() / ".git" / "HEAD").c_str(), 0600);
       }},
      {"HEAD has no commit", [&] { put(tree() / ".git" / "HEAD", "ref: refs/heads/none\n"); }},
      {"packed-refs", [&] { put(tree() / ".git" / "packed-refs", "x\n"); }},
      {"index", [&] { fs::remove(tree() / ".git" / "index"); }},
      {"staged", [&] { put(tree() / ".git" / "index", "garbage"); }},
      {".gitignore is a FIFO",
       [&] {
         fs::create_directory(tree() / "sub");
         ::mkfifo((tree() / "sub" / ".gitignore").c_str(), 0600);
       }},
      {"nested/",
       [&] {
         plain_git("/", {"init", "--quiet", (tree() / "nested").string()});
       }},
  };
  for (const auto& [expected, break_it] : table) {
    break_it();
    EXPECT_THAT(reason(), HasSubstr(expected));
    clones_->remove(*clone_);
    clone_.emplace(make_clone());
  }
}

// git status in the clone would run each of these.
TEST_F(CloneStateTest, RunsNothingOfTheAgents) {
  const auto program = canary().string();
  plain_git(tree(), {"config", "core.fsmonitor", program});
  plain_git(tree(), {"config", "filter.evil.clean", program});
  plain_git(tree(), {"config", "core.hooksPath", (folder_ / "hooks").string()});
  put(folder_ / "hooks" / "post-index-change", read_file(canary(), 4096));
  fs::permissions(folder_ / "hooks" / "post-index-change", fs::perms::owner_all);
  put(tree() / ".git" / "info" / "attributes", "* filter=evil\n");
  put(tree() / ".gitattributes", "* filter=evil\n");
  put(tree() / "README", "changed\n");
  EXPECT_THAT(reason(), HasSubstr("not committed"));
  EXPECT_EQ(what_ran(), "");
  (void)plain_git(tree(), {"status"});
  EXPECT_NE(what_ran(), "") << "the canary is a living one";
}

TEST_F(CloneStateTest, LeavesNothingBehind) {
  EXPECT_EQ(reason(), "clean");
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(clone_->folder))
    names.insert(entry.path().filename());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("tree", "record.json"));
}

TEST(CloneRefs, AreBounded) {
  const TestFolder folder;
  put(folder / "HEAD", std::string(40, 'a') + "\n");
  fs::create_directory(folder / "refs");
  std::string packed;
  for (int i = 0; i < 10'001; ++i)
    packed += std::string(40, 'a') + " refs/heads/" + std::to_string(i) + "\n";
  put(folder / "packed-refs", packed);
  EXPECT_EQ(error_of([&] { return read_refs(folder.path()); })->code(), Code::too_large);
  put(folder / "packed-refs", std::string(std::size_t{5} << 20, '#'));
  EXPECT_EQ(error_of([&] { return read_refs(folder.path()); })->code(), Code::too_large);
}

TEST(CloneRefs, LooseOnesStandAbovePackedOnes) {
  const TestFolder folder;
  put(folder / "packed-refs", "# pack-refs with: peeled\n" + std::string(40, 'a') +
                                  " refs/heads/x\n^" + std::string(40, 'c') + "\n");
  put(folder / "refs" / "heads" / "x", std::string(40, 'b') + "\n");
  put(folder / "HEAD", "ref: refs/heads/x\n");
  const auto refs = read_refs(folder.path());
  ASSERT_EQ(refs.ids.size(), 2u);
  EXPECT_EQ(refs.ids.at("HEAD").text(), std::string(40, 'b'));
  EXPECT_EQ(refs.ids.at("refs/heads/x").text(), std::string(40, 'b'));
}

}  // namespace
}  // namespace host::workspaces
