// SPDX-License-Identifier: Apache-2.0
#include "app/instance_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

// What another process finds: 0 it got the lock, else the pid that the refusal names.
int try_from_another_process(const std::filesystem::path& path, pid_t owner) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const InstanceLock lock(path);
      ::_exit(0);
    } catch (const Error& error) {
      const bool named = error.code() == Code::already_running &&
                         error.message().find(std::to_string(owner)) != std::string::npos;
      ::_exit(named ? 1 : 2);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST(InstanceLock, ASecondHostIsRefusedWithTheFirstOnesPid) {
  const TestFolder folder;
  {
    const InstanceLock lock(folder / "host.lock");
    EXPECT_EQ(try_from_another_process(folder / "host.lock", ::getpid()), 1);
    std::filesystem::create_directory_symlink(folder.path(), folder / "alias");
    EXPECT_EQ(try_from_another_process(folder / "alias" / "host.lock", ::getpid()), 1)
        << "the same folder by another name";
  }
  EXPECT_EQ(try_from_another_process(folder / "host.lock", ::getpid()), 0)
      << "it goes with its owner";
}

TEST(InstanceLock, AFileLeftByADeadHostIsNoLock) {
  const TestFolder folder;
  std::ofstream(folder / "host.lock") << "12345\n";
  EXPECT_EQ(lock_holder(folder / "host.lock"), 0);
  EXPECT_NO_THROW(InstanceLock(folder / "host.lock"));
}

TEST(InstanceLock, AFileThatIsNotThereIsHeldByNobody) {
  EXPECT_EQ(lock_holder("/no/such/lock"), 0);
}

}  // namespace
}  // namespace host
