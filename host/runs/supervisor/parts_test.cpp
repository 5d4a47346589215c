// SPDX-License-Identifier: Apache-2.0
//
// What a supervisor measures with, on real processes and files.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/test_folder.hpp"
#include "runs/supervisor/disk_watch.hpp"
#include "runs/supervisor/processes.hpp"

namespace host::runs::supervisor {
namespace {

namespace fs = std::filesystem;

Fd folder_at(const fs::path& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void write_mebibytes(const fs::path& path, int count) {
  std::ofstream file(path);
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < count; ++i) file << block;
}

TEST(RunProcesses, AreThoseBelowAProcess) {
  const auto below = Processes::below(::getpid());
  const int before = below.measure().tasks;
  const Child child = spawn({.program = "/bin/cat", .arguments = {"cat", "/dev/zero"}});
  const auto measured = below.measure();
  EXPECT_EQ(measured.tasks, before + 1);
  EXPECT_GT(measured.memory, 0u);
  below.signal(SIGKILL);
  pollfd ended{child.pidfd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1);
}

// Somebody traces the process, and does not take its end from the kernel before `let_go` is
// closed: until then it is there, dead or not. False: no process may be traced here.
bool is_traced(pid_t traced, int let_go) {
  int said[2];
  if (::pipe(said) != 0) return false;
  const pid_t middle = ::fork();
  if (middle == 0) {
    // A tracer that stood below the test would be ended with the rest.
    if (::fork() != 0) ::_exit(0);
    const char answer = ::ptrace(PTRACE_SEIZE, traced, nullptr, nullptr) == 0 ? 'y' : 'n';
    (void)!::write(said[1], &answer, 1);
    pollfd end{let_go, POLLIN, 0};
    (void)::poll(&end, 1, 60'000);
    ::_exit(0);
  }
  (void)::waitpid(middle, nullptr, 0);
  ::close(said[1]);
  char answer = 'n';
  (void)!::read(said[0], &answer, 1);
  ::close(said[0]);
  return answer == 'y';
}

TEST(RunProcesses, OneThatTheKernelStillHoldsIsLeftHoweverOftenItIsKilled) {
  int let_go[2];
  ASSERT_EQ(::pipe2(let_go, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(let_go[1]);
    (void)::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    for (;;) ::pause();
  }
  const bool traced = is_traced(child, let_go[0]);
  if (traced) {
    EXPECT_FALSE(end_all_below(std::chrono::milliseconds(100)));
  }
  EXPECT_EQ(::write(let_go[1], "x", 1), 1);
  EXPECT_TRUE(end_all_below());
  ::close(let_go[0]);
  ::close(let_go[1]);
  if (!traced) GTEST_SKIP() << "no process may be traced here";
}

TEST(RunDisk, CountsWhatLiesBelowAlsoInFoldersThatAreClosed) {
  const TestFolder folder;
  fs::create_directories(folder / "a" / "b");
  write_mebibytes(folder / "a" / "b" / "file", 3);
  fs::permissions(folder / "a" / "b", fs::perms::owner_exec | fs::perms::owner_write);
  const auto bytes = bytes_on_disk(folder_at(folder.path()));
  EXPECT_GE(bytes, 3u << 20);
  EXPECT_LT(bytes, 4u << 20);
  EXPECT_EQ(bytes_on_disk(folder_at(folder.path())), bytes) << "a second look sees the same";
}

TEST(RunDisk, FollowsNoLinks) {
  const TestFolder folder;
  const TestFolder other;
  write_mebibytes(other / "file", 3);
  fs::create_directory_symlink(other.path(), folder / "link");
  EXPECT_LT(bytes_on_disk(folder_at(folder.path())), 1u << 20);
}

TEST(RunDisk, RefusesFoldersWithoutEnd) {
  const TestFolder folder;
  Fd at = folder_at(folder.path());
  for (int depth = 0; depth < 300; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    at = Fd(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  EXPECT_THROW((void)bytes_on_disk(folder_at(folder.path())), Error);
}

TEST(RunDisk, IsWatchedUntilItIsTooMuch) {
  const TestFolder folder;
  const DiskWatch watch({folder.path()}, 2u << 20);
  pollfd told{watch.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&told, 1, 0), 0);
  write_mebibytes(folder / "file", 3);
  ASSERT_EQ(::poll(&told, 1, 30'000), 1);
  EXPECT_THAT(watch.evidence(), testing::HasSubstr("of 2 MiB at most"));
}

}  // namespace
}  // namespace host::runs::supervisor
