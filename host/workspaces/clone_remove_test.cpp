// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_remove.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host::workspaces {
namespace {

namespace fs = std::filesystem;

// Deeper than a path may be long, and than a process may have files open.
void nest(const fs::path& top, int depth) {
  Fd at(::open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "deeper", 0700), 0);
    at = Fd(::openat(at.get(), "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at);
  }
}

TEST(RemoveTree, RemovesWhatIsNestedWithoutEnd) {
  const TestFolder folder;
  fs::create_directory(folder / "top");
  nest(folder / "top", 5'000);
  remove_tree(folder / "top");
  EXPECT_FALSE(fs::exists(folder / "top"));
}

TEST(RemoveTree, RemovesWhatWasMadeUnreadable) {
  const TestFolder folder;
  fs::create_directories(folder / "top" / "a" / "b" / "c");
  std::ofstream(folder / "top" / "a" / "b" / "file") << "x";
  ::mkfifo((folder / "top" / "a" / "fifo").c_str(), 0600);
  for (const char* closed : {"a/b/c", "a/b", "a"})
    fs::permissions(folder / "top" / closed, fs::perms::none);
  remove_tree(folder / "top");
  EXPECT_FALSE(fs::exists(folder / "top"));
}

TEST(RemoveTree, FollowsNoLink) {
  const TestFolder folder;
  fs::create_directories(folder / "top");
  fs::create_directories(folder / "other");
  std::ofstream(folder / "other" / "precious") << "x";
  fs::create_directory_symlink(folder / "other", folder / "top" / "link");
  remove_tree(folder / "top");
  EXPECT_TRUE(fs::exists(folder / "other" / "precious"));
  fs::create_directory_symlink(folder / "other", folder / "top");
  EXPECT_THROW(remove_tree(folder / "top"), Error);
  EXPECT_TRUE(fs::exists(folder / "other" / "precious"));
}

TEST(RemoveTree, OfNothingIsFine) {
  const TestFolder folder;
  EXPECT_NO_THROW(remove_tree(folder / "none"));
}

TEST(RemoveTree, GoesOnWhereAnotherStopped) {
  const TestFolder folder;
  fs::create_directories(folder / "top" / ".removing-1-2-3" / "x" / "y");
  remove_tree(folder / "top");
  EXPECT_FALSE(fs::exists(folder / "top"));
}

TEST(BytesIn, CountsWhatLiesThereAndFollowsNoLink) {
  const TestFolder folder;
  fs::create_directories(folder / "top" / "a");
  std::ofstream(folder / "top" / "a" / "file") << std::string(1'000'000, 'x');
  std::ofstream(folder / "large") << std::string(9'000'000, 'x');
  fs::create_symlink(folder / "large", folder / "top" / "link");
  const auto bytes = bytes_in(folder / "top");
  EXPECT_GE(bytes, 1'000'000u);
  EXPECT_LT(bytes, 2'000'000u);
  EXPECT_EQ(bytes_in(folder / "none"), 0u);
}

TEST(BytesIn, EndsInWhatIsNestedWithoutEnd) {
  const TestFolder folder;
  fs::create_directory(folder / "top");
  nest(folder / "top", 5'000);
  EXPECT_NO_THROW((void)bytes_in(folder / "top"));
  remove_tree(folder / "top");
}

// Root may read whatever the mode: the look is somebody else's, on a thread of its own.
template <class Work>
void as_nobody(const TestFolder& folder, const Work& work) {
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(folder.path().c_str(), kNobody, kNobody), 0);
    for (fs::recursive_directory_iterator at(folder.path()), end; at != end; ++at)
      ASSERT_EQ(::lchown(at->path().c_str(), kNobody, kNobody), 0);
  }
  std::thread([&] {
    if (root) ::setfsuid(kNobody);
    work();
  }).join();
}

TEST(BytesIn, CountsWhatWasMadeUnreadable) {
  for (const mode_t mode : {0000U, 0100U, 0200U, 0400U}) {
    const TestFolder folder;
    fs::create_directories(folder / "top" / "a" / "b");
    std::ofstream(folder / "top" / "a" / "b" / "file") << std::string(1'000'000, 'x');
    as_nobody(folder, [&] {
      ASSERT_EQ(::chmod((folder / "top" / "a" / "b").c_str(), mode), 0);
      ASSERT_EQ(::chmod((folder / "top" / "a").c_str(), mode), 0);
      std::uint64_t bytes = 0;
      EXPECT_NO_THROW(bytes = bytes_in(folder / "top")) << mode;
      EXPECT_GE(bytes, 1'000'000u) << mode;
    });
    struct stat info {};
    ASSERT_EQ(::stat((folder / "top" / "a").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, mode) << "it is left as it was";
  }
}

TEST(BytesIn, CountsAFileWithTwoNamesOnce) {
  const TestFolder folder;
  fs::create_directories(folder / "top" / "a");
  std::ofstream(folder / "top" / "file") << std::string(1'000'000, 'x');
  for (const char* name : {"b", "c", "a/d"})
    fs::create_hard_link(folder / "top" / "file", folder / "top" / name);
  EXPECT_LT(bytes_in(folder / "top"), 1'500'000u);
}

}  // namespace
}  // namespace host::workspaces
