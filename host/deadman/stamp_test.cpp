// SPDX-License-Identifier: Apache-2.0
#include "deadman/stamp.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/test_folder.hpp"

namespace host::deadman {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StampTest : public ::testing::Test {
 protected:
  StampTest() {
    std::filesystem::create_directory(folder_ / "stamps");
    ::chmod((folder_ / "stamps").c_str(), 0755);
  }
  void write(const std::string& text = "x") {
    std::ofstream(stamp_) << text;
    ::chmod(stamp_.c_str(), 0644);
  }
  void date(time_t seconds, long nanoseconds = 0) {
    const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    ASSERT_EQ(::utimensat(AT_FDCWD, stamp_.c_str(), times, 0), 0);
  }
  [[nodiscard]] Sign look(const std::string& user = "") const {
    return look_at_stamp(stamp_, user);
  }
  // Why it is not trusted.
  [[nodiscard]] std::string fault() const {
    const auto sign = look();
    EXPECT_EQ(sign.kind, Sign::Kind::untrusted);
    return sign.mark;
  }

  TestFolder folder_;
  std::filesystem::path stamp_ = folder_ / "stamps" / "agent.stamp";
};

TEST_F(StampTest, IsTheSameUntilItIsWritten) {
  write();
  date(1'000'000);
  const auto first = look();
  EXPECT_EQ(first.kind, Sign::Kind::there);
  EXPECT_EQ(look().mark, first.mark);
  date(1'000'000, 1);
  EXPECT_NE(look().mark, first.mark) << "a touch";
}

TEST_F(StampTest, IsAnotherOneWhenItIsReplacedOrGrowsOrGoesBackInTime) {
  write();
  date(1'000'000);
  const auto first = look().mark;
  date(999'999);
  EXPECT_NE(look().mark, first);
  write("xx");
  date(1'000'000);
  EXPECT_NE(look().mark, first);
  std::filesystem::rename(stamp_, folder_ / "old");
  write();
  date(1'000'000);
  EXPECT_NE(look().mark, first) << "another file by the same name";
}

TEST_F(StampTest, OneFromTheFutureIsLikeAnyOther) {
  write();
  date(32'503'680'000);
  EXPECT_EQ(look().kind, Sign::Kind::there);
}

TEST_F(StampTest, AFolderThatIsNotThereIsNoSilence) {
  EXPECT_EQ(look().kind, Sign::Kind::missing);
  std::filesystem::remove(folder_ / "stamps");
  EXPECT_THAT(fault(), AllOf(HasSubstr("stamps"), HasSubstr("No such file")))
      << "a home that is not mounted makes nobody dead";
}

TEST_F(StampTest, ALinkOnTheWayIsFollowedWhereNobodyElseCouldHavePutIt) {
  write();
  std::filesystem::create_directory_symlink("stamps", folder_ / "link");
  stamp_ = folder_ / "link" / stamp_.filename();
  EXPECT_EQ(look().kind, Sign::Kind::there);
}

TEST_F(StampTest, ALinkThatOthersCouldHavePutThereLeadsNowhere) {
  write();
  const auto open = folder_ / "open";
  std::filesystem::create_directory(open);
  for (const mode_t mode : {0777, 01777}) {
    ::chmod(open.c_str(), mode);
    std::filesystem::create_directory_symlink(folder_ / "stamps", open / "agent");
    for (const auto* way : {"open/agent", "near"}) {
      if (std::string(way) == "near")
        std::filesystem::create_directory_symlink("open/agent", folder_ / "near");
      stamp_ = folder_ / way / "hermes.stamp";
      EXPECT_THAT(fault(), AllOf(HasSubstr("agent is a symbolic link"), HasSubstr("by others")))
          << way << std::oct << mode;
    }
    std::filesystem::remove(open / "agent");
    std::filesystem::remove(folder_ / "near");
  }
}

TEST_F(StampTest, AWayUpFromWhereOthersMayWriteLeadsNowhere) {
  write();
  std::filesystem::create_directories(folder_ / "open" / "down");
  const auto name = stamp_.filename();
  stamp_ = folder_ / "open" / "down" / ".." / ".." / "stamps" / name;
  EXPECT_EQ(look().kind, Sign::Kind::there);
  ::chmod((folder_ / "open").c_str(), 0777);
  EXPECT_THAT(fault(), HasSubstr("open can be written by others")) << "down may become a link";
}

TEST_F(StampTest, LinksWithoutEndAreSaid) {
  std::filesystem::create_directory_symlink("loop", folder_ / "loop");
  stamp_ = folder_ / "loop" / "hermes.stamp";
  EXPECT_THAT(fault(), HasSubstr("links without end"));
}

TEST_F(StampTest, AFolderWhereOthersMayWriteIsRefused) {
  write();
  for (const mode_t mode : {0777, 01777, 0775}) {
    ::chmod((folder_ / "stamps").c_str(), mode);
    EXPECT_THAT(fault(), HasSubstr("can be written by others")) << std::oct << mode;
  }
  ::chmod((folder_ / "stamps").c_str(), 0755);
  ::chmod(folder_.path().c_str(), 0777);
  EXPECT_THAT(fault(), HasSubstr("chmod go-w " + folder_.path().string())) << "one above it";
}

TEST(Stamp, IsNotBelievedInTmpItself) {
  const auto sign = look_at_stamp("/tmp/agent-heartbeat-of-nobody.stamp", "");
  EXPECT_EQ(sign.kind, Sign::Kind::untrusted);
  EXPECT_THAT(sign.mark, HasSubstr("keep stamps in a folder of the agent's own"));
}

TEST_F(StampTest, AStampThatOthersMayWriteIsRefused) {
  write();
  ::chmod(stamp_.c_str(), 0666);
  EXPECT_THAT(fault(), HasSubstr("chmod go-w " + stamp_.string()));
}

TEST_F(StampTest, ALinkAFolderAndAPipeAreRefused) {
  write();
  std::filesystem::rename(stamp_, folder_ / "stamps" / "other");
  std::filesystem::create_symlink("other", stamp_);
  EXPECT_THAT(fault(), HasSubstr("symbolic link"));
  std::filesystem::remove(stamp_);
  std::filesystem::create_directory(stamp_);
  EXPECT_THAT(fault(), HasSubstr("not a regular file"));
  std::filesystem::remove(stamp_);
  ASSERT_EQ(::mkfifo(stamp_.c_str(), 0600), 0);
  EXPECT_THAT(fault(), HasSubstr("not a regular file"));
}

TEST_F(StampTest, OneOfAnotherUserIsBelievedOnlyWhenThatIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a file of another user";
  write();
  ASSERT_EQ(::chown(stamp_.c_str(), 65534, 65534), 0);
  EXPECT_THAT(fault(), HasSubstr("belongs to user 65534"));
  EXPECT_EQ(look("nobody").kind, Sign::Kind::there);
}

TEST_F(StampTest, AUserThatIsNotThereIsSaid) {
  write();
  const auto sign = look("no-such-user");
  EXPECT_EQ(sign.kind, Sign::Kind::untrusted);
  EXPECT_THAT(sign.mark, HasSubstr("no user \"no-such-user\""));
}

TEST_F(StampTest, WhatCantBeEnteredIsNotTakenForMissing) {
  if (::geteuid() == 0) GTEST_SKIP() << "root enters everywhere";
  write();
  ::chmod((folder_ / "stamps").c_str(), 0600);
  EXPECT_THAT(fault(), HasSubstr("ermission"));
  ::chmod((folder_ / "stamps").c_str(), 0700);
}

}  // namespace
}  // namespace host::deadman
