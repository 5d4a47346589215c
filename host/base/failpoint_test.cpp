// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"

#ifdef TIMMY_FAILPOINTS

namespace host {
namespace {

class FailpointTest : public testing::Test {
 protected:
  void TearDown() override {
    ::unsetenv("TIMMY_FAILPOINT");
    ::unsetenv("TIMMY_FAILPOINT_LOG");
    ::unsetenv("TIMMY_FAILPOINT_GO");
  }
};

TEST_F(FailpointTest, does_nothing_when_nobody_asked) {
  EXPECT_NO_THROW(TIMMY_FAILPOINT("test.quiet"));
}

TEST_F(FailpointTest, fails_at_the_hit_that_was_named_and_only_then) {
  ::setenv("TIMMY_FAILPOINT", "test.second:2=eio", 1);
  EXPECT_NO_THROW(TIMMY_FAILPOINT("test.second"));
  EXPECT_NO_THROW(TIMMY_FAILPOINT("test.other"));
  EXPECT_THROW(TIMMY_FAILPOINT("test.second"), Error);
  EXPECT_NO_THROW(TIMMY_FAILPOINT("test.second"));
}

TEST_F(FailpointTest, proves_that_it_was_reached) {
  const TestFolder folder;
  ::setenv("TIMMY_FAILPOINT_LOG", (folder / "log").c_str(), 1);
  TIMMY_FAILPOINT("test.reached");
  TIMMY_FAILPOINT("test.reached");
  EXPECT_EQ(read_file(folder / "log", 1000), "test.reached\n");
}

TEST_F(FailpointTest, waits_until_it_is_let_go) {
  const TestFolder folder;
  ::setenv("TIMMY_FAILPOINT", "test.pause=pause", 1);
  ::setenv("TIMMY_FAILPOINT_GO", (folder / "go").c_str(), 1);
  ::setenv("TIMMY_FAILPOINT_LOG", (folder / "log").c_str(), 1);
  auto passed = std::async(std::launch::async, [] { TIMMY_FAILPOINT("test.pause"); });
  while (!std::filesystem::exists(folder / "log")) std::this_thread::yield();
  EXPECT_EQ(passed.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  write_atomically(folder / "go", "", 0600);
  passed.get();
}

TEST_F(FailpointTest, kills_the_process) {
  ::setenv("TIMMY_FAILPOINT", "test.kill=kill", 1);
  EXPECT_EXIT(TIMMY_FAILPOINT("test.kill"), testing::KilledBySignal(SIGKILL), "");
  ::setenv("TIMMY_FAILPOINT", "test.kill=abort", 1);
  EXPECT_EXIT(TIMMY_FAILPOINT("test.kill"), testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace host

#endif
