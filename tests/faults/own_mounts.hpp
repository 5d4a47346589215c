// SPDX-License-Identifier: Apache-2.0
//
// Cases that mount: each runs again in a mount namespace of its own.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/process.hpp"

namespace host::faults {

// A minute at most; -1 then.
inline int end_of(Child child) {
  constexpr int kPatienceMs = 60'000;
  pollfd ended{child.pidfd(), POLLIN, 0};
  if (::poll(&ended, 1, kPatienceMs) != 1) return -1;
  return child.reap()->number;
}

// True: this process may mount what it likes, and nobody else sees it. False: it has started
// another one for this very test, whose end is the test's, and has nothing more to do.
inline bool inside_own_mounts() {
  constexpr const char* kInside = "TIMMY_TEST_OWN_MOUNTS";
  if (std::getenv(kInside) != nullptr) return true;
  const auto unshare = [&](std::vector<std::string> command) {
    command.insert(command.begin(), {"unshare", "-Urm"});
    SpawnRequest request{.program = "/usr/bin/unshare", .arguments = std::move(command)};
    request.environment = {{kInside, "1"}, {"PATH", "/usr/bin:/bin"}};
    request.descriptors = {{STDOUT_FILENO, 1}, {STDERR_FILENO, 2}};
    return end_of(spawn(request));
  };
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  const auto filter = "--gtest_filter=" + std::string(test->test_suite_name()) + "." + test->name();
  if (unshare({"true"}) != 0) {
    [] { GTEST_SKIP() << "this machine has no user namespaces for us (unshare -Urm)"; }();
    return false;
  }
  const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
  EXPECT_EQ(unshare({self, filter}), 0) << "see its own output above";
  return false;
}

}  // namespace host::faults
