// SPDX-License-Identifier: Apache-2.0
#include "runs/run_lock.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <optional>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "base/process.hpp"
#include "base/test_folder.hpp"

namespace host::runs {
namespace {

class Lock : public testing::Test {
 protected:
  TestFolder folder_;
  std::filesystem::path path_ = lock_path(folder_.path());
};

TEST_F(Lock, IsHeldAsLongAsAnyCopyOfItsDescriptorIsOpen) {
  EXPECT_FALSE(still_runs(path_));
  auto lock = take_lock(path_);
  EXPECT_TRUE(still_runs(path_));
  auto copy = lock.duplicate();
  lock.reset();
  EXPECT_TRUE(still_runs(path_));
  EXPECT_THROW((void)take_lock(path_), Error);
  copy.reset();
  EXPECT_FALSE(still_runs(path_));
}

TEST_F(Lock, WaitsForTheFirstProcessToo) {
  const Child child = spawn({.program = "/bin/cat", .arguments = {"cat", "/dev/zero"}});
  write_lock_record(take_lock(path_).get(),
                    {.supervisor = ::getpid(), .first = child.pid(), .cgroup = {}});
  EXPECT_TRUE(still_runs(path_));
}

TEST_F(Lock, IsNotFooledByAProcessThatGotTheNumberAgain) {
  {
    const auto lock = take_lock(path_);
    write_lock_record(lock.get(), {.supervisor = 1, .first = ::getpid(), .cgroup = {}});
  }
  EXPECT_TRUE(still_runs(path_));
  // As if this process had begun at another time.
  auto text = read_file(path_, 1000);
  const auto at = text.find("\"start\":\"") + 9;
  text.replace(at, text.find('"', at) - at, "1");
  write_atomically(path_, text, 0600);
  EXPECT_FALSE(still_runs(path_));
}

TEST_F(Lock, IsHeldByWhatIsLeftInItsCgroupAndByWhatCantBeTold) {
  const auto cgroup = folder_ / "cgroup";
  write_lock_record(take_lock(path_).get(), {.supervisor = 1, .first = 0, .cgroup = cgroup});
  EXPECT_FALSE(still_runs(path_)) << "it has been removed";
  std::filesystem::create_directory(cgroup);
  write_atomically(cgroup / "cgroup.events", "populated 1\nfrozen 0\n", 0600);
  EXPECT_TRUE(still_runs(path_));
  write_atomically(cgroup / "cgroup.events", "populated 0\nfrozen 0\n", 0600);
  EXPECT_FALSE(still_runs(path_));
  std::filesystem::remove(cgroup / "cgroup.events");
  std::filesystem::create_symlink("cgroup.events", cgroup / "cgroup.events");
  EXPECT_THROW((void)still_runs(path_), Error);
}

TEST_F(Lock, TellsOnceTheRunIsGone) {
  FakeLoop loop;
  std::optional<Fd> lock = take_lock(path_);
  int ended = 0;
  LockWait wait(loop, path_, [&] { ++ended; });
  EXPECT_EQ(ended, 0) << "never from inside the call";
  loop.advance(std::chrono::minutes(1));
  EXPECT_EQ(ended, 0);
  lock.reset();
  loop.advance(std::chrono::seconds(1));
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(loop.armed(), 0u);
}

}  // namespace
}  // namespace host::runs
