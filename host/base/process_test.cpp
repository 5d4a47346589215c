// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("pipe");
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
  Fd read;
  Fd write;
};

Child::Exit wait_for(Child& child) {
  pollfd ended{child.pidfd(), POLLIN, 0};
  ::poll(&ended, 1, 10'000);
  return child.reap().value();
}

std::string output_of(SpawnRequest request) {
  Pipe pipe;
  request.descriptors.emplace_back(pipe.write.get(), 1);
  auto child = spawn(request);
  pipe.write.reset();
  auto text = read_all(pipe.read.get(), 65536, "the child's output");
  (void)wait_for(child);
  return text;
}

TEST(Spawn, GivesTheChildOnlyWhatWasNamed) {
  const Fd secret(
      ::open("/dev/zero", O_RDONLY));  // without close-on-exec, as a library may leave one
  EXPECT_EQ(
      output_of({.program = "/usr/bin/env", .arguments = {"env"}, .environment = {{"A", "b"}}}),
      "A=b\n");
  EXPECT_EQ(
      output_of({.program = "/bin/ls", .arguments = {"ls", "/proc/self/fd"}, .environment = {}}),
      "0\n1\n2\n3\n")  // 3 is ls's own, on the folder it lists
      << "the descriptor that was open here reached the child";
}

TEST(Spawn, ReportsHowTheChildEnded) {
  auto quits =
      spawn({.program = "/bin/sh", .arguments = {"sh", "-c", "exit 7"}, .environment = {}});
  const auto exit = wait_for(quits);
  EXPECT_FALSE(exit.signalled);
  EXPECT_EQ(exit.number, 7);

  auto killed = spawn({.program = "/bin/sleep", .arguments = {"sleep", "60"}, .environment = {}});
  EXPECT_FALSE(killed.reap().has_value());
  killed.signal_group(SIGKILL);
  EXPECT_EQ(wait_for(killed).number, SIGKILL);
}

TEST(Spawn, SaysWhichProgramIsMissing) {
  try {
    (void)spawn({.program = "/no/such", .arguments = {"such"}, .environment = {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "starting /no/such: No such file or directory");
  }
}

TEST(Child, TakesItsWholeGroupWithIt) {
  Pipe pipe;
  {
    SpawnRequest request{.program = "/bin/sh",
                         .arguments = {"sh", "-c", "sleep 60 & echo up; wait"},
                         .environment = {{"PATH", "/bin:/usr/bin"}}};
    request.descriptors.emplace_back(pipe.write.get(), 1);
    const auto child = spawn(request);
    pipe.write.reset();
    char up[3];
    ASSERT_EQ(::read(pipe.read.get(), up, 3), 3);
  }
  // The grandchild held the pipe open too: end of file means that it is gone.
  EXPECT_EQ(read_all(pipe.read.get(), 10, "the pipe"), "");
}

// Whose a file is that root makes in a folder of `owner` while it works as that: "UID:GID".
std::string maker_of_a_file_in(const std::filesystem::path& folder, uid_t owner) {
  ::chown(folder.c_str(), owner, owner);
  const auto file = folder / "made";
  if (const auto pid = ::fork(); pid == 0) {
    const auto caller = work_as_owner_of(folder);
    const Fd made(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
    const bool root_again = ::setuid(0) == 0;
    ::_exit(caller == 0 && made && root_again == (owner == 0) ? 0 : 1);
  } else {
    int status = -1;
    ::waitpid(pid, &status, 0);
    if (status != 0) return "status " + std::to_string(status);
  }
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return "no file";
  return std::to_string(info.st_uid) + ":" + std::to_string(info.st_gid);
}

TEST(Child, OneThatIsAbandonedIsNeitherKilledNorWaitedFor) {
  pid_t pid = 0;
  {
    auto child = spawn({.program = "/bin/sleep", .arguments = {"sleep", "60"}});
    pid = child.pid();
    child.abandon();
    EXPECT_FALSE(child);
  }
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "it ended";
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(WorkAsOwnerTest, RootBecomesTheOwnerOfTheFolderForGood) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const TestFolder folder;
  EXPECT_EQ(maker_of_a_file_in(folder.path(), 12345), "12345:12345");
}

// As "HOME,GROUP,GROUP", by a process that works as the owner of `folder`.
std::string account_when_working_in(const std::filesystem::path& folder) {
  Pipe pipe;
  if (const auto pid = ::fork(); pid == 0) {
    ::setenv("HOME", "/root", 1);
    ::setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
    ::setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/0/bus", 1);
    (void)work_as_owner_of(folder);
    std::vector<gid_t> groups(256);
    groups.resize(static_cast<std::size_t>(std::max(0, ::getgroups(256, groups.data()))));
    std::sort(groups.begin(), groups.end());
    const char* home = ::getenv("HOME");
    std::string text = home == nullptr ? "none" : home;
    for (const auto group : groups) text += "," + std::to_string(group);
    if (::getenv("XDG_RUNTIME_DIR") != nullptr || ::getenv("DBUS_SESSION_BUS_ADDRESS") != nullptr)
      text += " in root's session";
    ::_exit(::write(pipe.write.get(), text.data(), text.size()) > 0 ? 0 : 1);
  } else {
    pipe.write.reset();
    auto text = read_all(pipe.read.get(), 65536, "the child's account");
    ::waitpid(pid, nullptr, 0);
    return text;
  }
}

TEST(WorkAsOwnerTest, TheOwnersGroupsAndHomeTakeThePlaceOfRoots) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const passwd* const user = ::getpwnam("daemon");
  if (user == nullptr) GTEST_SKIP() << "this machine has no user \"daemon\"";
  const TestFolder folder;
  ASSERT_EQ(::chown(folder.path().c_str(), user->pw_uid, 0), 0);
  std::vector<gid_t> groups(256);
  int count = 256;
  ASSERT_GE(::getgrouplist("daemon", user->pw_gid, groups.data(), &count), 0);
  groups.resize(static_cast<std::size_t>(count));
  std::sort(groups.begin(), groups.end());
  std::string expected = user->pw_dir;
  for (const auto group : groups) expected += "," + std::to_string(group);
  EXPECT_EQ(account_when_working_in(folder.path()), expected);
}

TEST(WorkAsOwnerTest, AnOwnerWithoutANameHasNeither) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const TestFolder folder;
  ASSERT_EQ(::chown(folder.path().c_str(), 12345, 12345), 0);
  EXPECT_EQ(account_when_working_in(folder.path()), "none");
}

TEST(WorkAsOwnerTest, RootStaysRootInItsOwnFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const TestFolder folder;
  EXPECT_EQ(maker_of_a_file_in(folder.path(), 0), "0:0");
}

TEST(WorkAsOwnerTest, AFolderThatIsNotThereChangesNobody) {
  EXPECT_EQ(work_as_owner_of("/nowhere/at/all"), ::geteuid());
}

}  // namespace
}  // namespace host
