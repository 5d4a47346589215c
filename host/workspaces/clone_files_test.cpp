// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_files.hpp"

#include <sys/stat.h>

#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;

class CloneFilesTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    fetch();
    clone_ = make_clone();
    agent_commits(*clone_);
  }
  [[nodiscard]] fs::path git_file(const std::string& name) const {
    return clone_->tree() / ".git" / name;
  }

  std::optional<Clone> clone_;
};

TEST_F(CloneFilesTest, WhatGitMadeIsRead) {
  plain_git(clone_->tree(), {"gc", "--quiet"});
  fs::create_directories(git_file("hooks"));
  fs::create_symlink("../../tools/pre-commit", git_file("hooks/pre-commit"));
  EXPECT_NO_THROW(check_git_files(*clone_));
  EXPECT_TRUE(bundle(*clone_));
}

// To open one takes until somebody writes to it: a lane would be held as long as git may take.
TEST_F(CloneFilesTest, NoGitIsRunWhereAFifoOrALinkStandsForAFileOfItsOwn) {
  for (const char* name : {"HEAD", "index", "config", "packed-refs", "commondir", "info/exclude",
                           "refs/heads/x", "objects/info/alternates", "objects/pack/pack-1.idx"}) {
    const auto path = git_file(name);
    const auto before = path.string() + ".before";
    fs::create_directories(path.parent_path());
    if (fs::exists(path)) fs::rename(path, before);
    for (const bool fifo : {true, false}) {
      if (fifo)
        ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
      else
        fs::create_symlink(folder_ / "fifo", path);
      const auto begun = std::chrono::steady_clock::now();
      const auto error = error_of([&] { return bundle(*clone_); });
      EXPECT_EQ(error->code(), Code::invalid) << name;
      EXPECT_THAT(error->message(), HasSubstr(std::string(".git/") + name));
      EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10)) << name;
      fs::remove(path);
    }
    if (fs::exists(before)) fs::rename(before, path);
  }
  EXPECT_TRUE(bundle(*clone_)) << "they are as they were";
}

TEST_F(CloneFilesTest, NoGitIsRunWhereItsFolderIsElsewhere) {
  fs::rename(clone_->tree() / ".git", folder_ / "moved");
  put(clone_->tree() / ".git", "gitdir: " + (folder_ / "moved").string() + "\n");
  EXPECT_THAT(error_of([&] { return bundle(*clone_); })->message(), HasSubstr("no folder"));
}

}  // namespace
}  // namespace host::workspaces
