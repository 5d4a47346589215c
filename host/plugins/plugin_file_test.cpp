// SPDX-License-Identifier: Apache-2.0
#include "plugins/plugin_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test_folder.hpp"
#include "plugins/test_plugin.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PluginFilesTest : public testing::Test {
 protected:
  std::shared_ptr<const PluginFile> read(const fs::path& name) {
    return files_.read(folder_ / name, true);
  }
  std::shared_ptr<const PluginImage> load(const fs::path& name) {
    return files_.load(folder_ / name, true, read(name)->text);
  }
  TestFolder folder_;
  PluginFiles files_{AbiVersion{1, 0}};
};

TEST_F(PluginFilesTest, ReadsAManifestOnce) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  const auto first = read("x.so");
  EXPECT_FALSE(first->refusal);
  EXPECT_EQ(first->reading.manifest->id, "x");
}

TEST_F(PluginFilesTest, AFileThatWasJustWrittenIsNotBelievedToBeTheSame) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  struct stat before {};
  ASSERT_EQ(::stat((folder_ / "x.so").c_str(), &before), 0);
  EXPECT_EQ(read("x.so")->reading.manifest->version, "1.0.0");
  auto other = test_manifest("x");
  other["version"] = "1.0.1";  // of the same size
  write_plugin(folder_ / "x.so", other);
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, (folder_ / "x.so").c_str(), times, 0), 0);
  EXPECT_EQ(read("x.so")->reading.manifest->version, "1.0.1");
}

TEST_F(PluginFilesTest, AFreshFileIsReadAgainForItsClockMayBeCoarserThanItsChanges) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  EXPECT_NE(read("x.so"), read("x.so"));
}

TEST_F(PluginFilesTest, TheImageStaysTheSameObjectWhileTheBytesAre) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  const auto first = load("x.so");
  EXPECT_EQ(load("x.so"), first);
  fs::last_write_time(folder_ / "x.so", fs::file_time_type::clock::now());
  EXPECT_EQ(load("x.so"), first) << "it was only touched";
  auto other = test_manifest("x");
  other["version"] = "1.0.1";
  write_plugin(folder_ / "y.so", other);
  fs::rename(folder_ / "y.so", folder_ / "x.so");
  const auto second = load("x.so");
  EXPECT_NE(second->sha256, first->sha256);
  EXPECT_EQ(files_.sha256(folder_ / "x.so", true), second->sha256);
}

TEST_F(PluginFilesTest, WillNotLoadBytesWhoseManifestIsNotTheOneThatWasRead) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  const auto file = read("x.so");
  write_plugin(folder_ / "x.so", test_manifest("y"));
  try {
    static_cast<void>(files_.load(folder_ / "x.so", true, file->text));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::conflict);
  }
}

TEST_F(PluginFilesTest, AnImageThatIsLetGoLivesAsLongAsSomebodyHoldsIt) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  std::weak_ptr<const PluginImage> weak;
  {
    const auto held = load("x.so");
    weak = held;
    files_.unload(folder_ / "x.so");
    EXPECT_FALSE(weak.expired());
  }
  EXPECT_TRUE(weak.expired());
}

TEST_F(PluginFilesTest, ForgetsFilesThatNobodyAskedFor) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  std::weak_ptr<const PluginImage> weak = load("x.so");
  files_.forget_unused();
  EXPECT_FALSE(weak.expired());
  files_.forget_unused();
  EXPECT_TRUE(weak.expired());
}

TEST_F(PluginFilesTest, RefusesAFileThatOthersCanWriteYetShowsWhatItHolds) {
  write_plugin(folder_ / "x.so", test_manifest("x"));
  fs::permissions(folder_ / "x.so", fs::perms(0664));
  const auto file = read("x.so");
  ASSERT_TRUE(file->refusal);
  EXPECT_THAT(file->refusal->message(), HasSubstr("x.so\" can be written by others"));
  EXPECT_THAT(file->refusal->next_step(), HasSubstr("chmod go-w"));
  EXPECT_EQ(file->reading.manifest->id, "x");
  EXPECT_THROW(static_cast<void>(load("x.so")), Error);
  fs::permissions(folder_ / "x.so", fs::perms(0644));
  EXPECT_FALSE(read("x.so")->refusal) << "the mode is looked at every time";
}

TEST_F(PluginFilesTest, NamesTheFolderThatOthersCanWrite) {
  fs::create_directories(folder_ / "a" / "b");
  write_plugin(folder_ / "a" / "b" / "x.so", test_manifest("x"));
  fs::permissions(folder_ / "a", fs::perms(0777));
  const auto file = read("a/b/x.so");
  ASSERT_TRUE(file->refusal);
  EXPECT_THAT(file->refusal->message(), HasSubstr("/a\" can be written by others"));
  EXPECT_EQ(file->reading.manifest->id, "x");
}

TEST_F(PluginFilesTest, AStickyFolderOfRootPassesOnlyWhereItIsAllowed) {
  struct stat info {};
  ASSERT_EQ(::stat(fs::temp_directory_path().c_str(), &info), 0);
  ASSERT_TRUE((info.st_mode & S_ISVTX) != 0 && info.st_uid == 0);
  write_plugin(folder_ / "x.so", test_manifest("x"));
  EXPECT_FALSE(files_.read(folder_ / "x.so", true)->refusal);
  const auto refused = files_.read(folder_ / "x.so", false);
  ASSERT_TRUE(refused->refusal);
  EXPECT_EQ(refused->refusal->code(), Code::denied);
}

TEST_F(PluginFilesTest, RefusesAnotherUsersFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  write_plugin(folder_ / "x.so", test_manifest("x"));
  ASSERT_EQ(::chown((folder_ / "x.so").c_str(), 12345, 0), 0);
  const auto file = read("x.so");
  ASSERT_TRUE(file->refusal);
  EXPECT_THAT(file->refusal->message(), HasSubstr("belongs to user 12345"));
}

TEST_F(PluginFilesTest, RefusesWhatIsNoFileOfItsOwnAndNeverBlocks) {
  write_plugin(folder_ / "real.so", test_manifest("x"));
  fs::create_symlink(folder_ / "real.so", folder_ / "link.so");
  fs::create_directory(folder_ / "folder.so");
  ASSERT_EQ(::mkfifo((folder_ / "fifo.so").c_str(), 0644), 0);
  EXPECT_THAT(read("link.so")->refusal->message(), HasSubstr("is a symbolic link"));
  EXPECT_THAT(read("folder.so")->refusal->message(), HasSubstr("is not a regular file"));
  EXPECT_THAT(read("fifo.so")->refusal->message(), HasSubstr("is not a regular file"));
  EXPECT_EQ(read("none.so")->refusal->code(), Code::not_found);
}

}  // namespace
}  // namespace host
