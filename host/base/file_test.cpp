// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class FileTest : public ::testing::Test {
 protected:
  std::filesystem::path put(const std::string& name, const std::string& content, mode_t mode) {
    const auto path = folder_ / name;
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  static std::string refusal(const std::filesystem::path& path) {
    try {
      (void)read_secret_file(path);
      return "accepted";
    } catch (const Error& error) {
      return error.what();
    }
  }
  // The file with an access list: its owner and `user` may read it, its group and others what the
  // bits say. False where the file system has no such lists.
  static bool list(const std::filesystem::path& path, uid_t user, __le16 group = 0,
                   __le16 other = 0) {
    struct {
      posix_acl_xattr_header header{POSIX_ACL_XATTR_VERSION};
      posix_acl_xattr_entry entries[5];
    } list;
    const __le32 nobody = static_cast<__le32>(ACL_UNDEFINED_ID);
    list.entries[0] = {ACL_USER_OBJ, 4, nobody};
    list.entries[1] = {ACL_USER, 4, user};
    list.entries[2] = {ACL_GROUP_OBJ, group, nobody};
    list.entries[3] = {ACL_MASK, 4, nobody};
    list.entries[4] = {ACL_OTHER, other, nobody};
    return ::setxattr(path.c_str(), "system.posix_acl_access", &list, sizeof list, 0) == 0;
  }
  TestFolder folder_;
};

TEST_F(FileTest, ASecretIsReadWithoutItsLineEnd) {
  EXPECT_EQ(read_secret_file(put("token", "abc123\n", 0600)), "abc123");
}

TEST_F(FileTest, ASecretThatSystemdHandedToThisUserIsRead) {
  const auto credential = put("credential", "abc123\n", 0400);
  if (!list(credential, ::geteuid())) GTEST_SKIP() << "no access lists in " << folder_.path();
  struct stat info {};
  ASSERT_EQ(::stat(credential.c_str(), &info), 0);
  ASSERT_EQ(info.st_mode & 077, 040u) << "as LoadCredential= leaves it for User=";
  EXPECT_EQ(read_secret_file(credential), "abc123");
}

TEST_F(FileTest, ASecretWhoseListLetsAnybodyElseInIsRefused) {
  const auto secret = put("secret", "abc123\n", 0400);
  if (!list(secret, ::geteuid() + 1)) GTEST_SKIP() << "no access lists in " << folder_.path();
  EXPECT_THAT(refusal(secret), HasSubstr("can be read or written by others"));
  ASSERT_TRUE(list(secret, ::geteuid(), 4));
  EXPECT_THAT(refusal(secret), HasSubstr("can be read or written by others"));
  ASSERT_TRUE(list(secret, ::geteuid(), 0, 4));
  EXPECT_THAT(refusal(secret), HasSubstr("can be read or written by others"));
}

TEST_F(FileTest, ASecretThatOthersCouldReadOrReplaceIsRefusedWithTheMend) {
  EXPECT_THAT(refusal(put("open", "abc", 0644)), HasSubstr("chmod 600"));
  EXPECT_THAT(refusal(put("empty", " \n", 0600)), HasSubstr("is empty"));
  EXPECT_THAT(refusal(put("two", "abc def", 0600)), HasSubstr("white space"));
  EXPECT_THAT(refusal(put("large", std::string(4097, 'x'), 0600)), HasSubstr("larger than 4096"));
  EXPECT_THAT(refusal(folder_ / "missing"), HasSubstr("No such file"));

  const auto good = put("good", "abc", 0600);
  std::filesystem::create_symlink(good, folder_ / "link");
  EXPECT_THAT(refusal(folder_ / "link"), HasSubstr("symbolic link"));
  std::filesystem::create_directory(folder_ / "folder");
  EXPECT_THAT(refusal(folder_ / "folder"), HasSubstr("not a regular file"));
  ::mkfifo((folder_ / "fifo").c_str(), 0600);
  EXPECT_THAT(refusal(folder_ / "fifo"), HasSubstr("not a regular file"));
  std::filesystem::create_hard_link(good, folder_ / "second");
  EXPECT_THAT(refusal(good), HasSubstr("hard link"));
}

// Root may read everybody's; the rule is about who could have written it.
TEST_F(FileTest, ASecretOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const auto foreign = put("foreign", "abc", 0600);
  ASSERT_EQ(::chown(foreign.c_str(), 12345, 12345), 0);
  ::chmod(foreign.c_str(), 0600);
  EXPECT_THAT(refusal(foreign), HasSubstr("belongs to another user"));
}

TEST_F(FileTest, ReplacingAFileIsWholeOrNotAtAll) {
  const auto path = put("stamp", "old", 0600);
  write_atomically(path, "new", 0640);
  EXPECT_EQ(read_file(path, 100), "new");
  struct stat info {};
  ::stat(path.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_THROW(write_atomically(folder_ / "no" / "stamp", "x"), Error);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1)
      << "no temporary file is left";
}

TEST_F(FileTest, ReadingStopsAtTheCap) {
  const auto path = put("big", std::string(1000, 'x'), 0600);
  EXPECT_EQ(read_file(path, 1000).size(), 1000u);
  EXPECT_THROW((void)read_file(path, 999), Error);
}

TEST_F(FileTest, TrustNamesTheComponentThatOthersMayWrite) {
  const auto path = put("plugin.so", "x", 0644);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_NO_THROW(check_trusted(fd.get(), path, true));
  ::chmod(folder_.path().c_str(), 0777);
  try {
    check_trusted(fd.get(), path, true);
    FAIL() << "a folder that all may write was trusted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("chmod go-w " + folder_.path().string()));
  }
  ::chmod(folder_.path().c_str(), 0700);
  ::chmod(path.c_str(), 0664);
  EXPECT_THROW(check_trusted(fd.get(), path, true), Error);
}

TEST_F(FileTest, NobodyIsToldToCloseAFolderThatIsOpenOnPurpose) {
  const auto shared = folder_.path().parent_path();
  struct stat info {};
  ASSERT_EQ(::stat(shared.c_str(), &info), 0);
  if (info.st_uid != 0 || (info.st_mode & S_ISVTX) == 0)
    GTEST_SKIP() << shared << " is no sticky folder of root's";
  const auto path = put("plugin.so", "x", 0644);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  try {
    check_trusted(fd.get(), path);
    FAIL() << "a sticky folder was trusted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(shared.string() + "\" can be written by others"));
    EXPECT_THAT(error.next_step(), HasSubstr("Move the file out of " + shared.string()));
    EXPECT_THAT(error.next_step(), Not(HasSubstr("chmod")));
  }
}

}  // namespace
}  // namespace host
