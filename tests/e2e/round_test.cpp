// SPDX-License-Identifier: Apache-2.0
//
// What `./dev run` leaves behind, and what it leaves alone.
#include "e2e/round.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host::e2e {
namespace {

using ::testing::HasSubstr;

constexpr int kLimit = 60'000;  // ms

class RoundTest : public ::testing::Test {
 protected:
  RoundTest() {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    output_ = Fd(pipe[0]);
    const Fd writing(pipe[1]);
    SpawnRequest request{.program = TIMMY_BIN "/timmy-quickstart",
                         .arguments = {"timmy-quickstart", "--bin", TIMMY_BIN, "--folder",
                                       (folder_ / "run").string()},
                         .environment = {{"HOME", folder_.path().string()}}};
    request.descriptors = {{writing.get(), 1}, {STDERR_FILENO, 2}};
    round_ = spawn(with_us(std::move(request)));
  }

  // The number behind the first line that holds `text`.
  int number_after(const std::string& text) {
    for (std::string line;;) {
      char byte = 0;
      if (::read(output_.get(), &byte, 1) != 1) return 0;
      if (byte != '\n') {
        line += byte;
        continue;
      }
      if (line.find(text) != std::string::npos) return std::stoi(line.substr(line.rfind(' ')));
      line.clear();
    }
  }
  static bool ends(int pidfd) {
    pollfd ended{pidfd, POLLIN, 0};
    return ::poll(&ended, 1, kLimit) == 1;
  }
  static Fd watch(int pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

  TestFolder folder_;
  Fd output_;
  Child round_;
};

TEST_F(RoundTest, WhenItIsKilledHostAndForgeGoWithIt) {
  const Fd forge = watch(number_after("sample forge"));
  const Fd host = watch(number_after("is ready"));
  ASSERT_TRUE(forge);
  ASSERT_TRUE(host);
  ::kill(round_.pid(), SIGKILL);
  EXPECT_TRUE(ends(host.get()));
  EXPECT_TRUE(ends(forge.get()));
}

TEST_F(RoundTest, ASignalEndsItInOrder) {
  ASSERT_GT(number_after("is ready"), 0);
  ::kill(round_.pid(), SIGINT);
  ASSERT_TRUE(ends(round_.pidfd()));
  EXPECT_FALSE(round_.reap()->signalled);
}

TEST_F(RoundTest, AFolderThatAHostWorksInIsNotEmptied) {
  const int host = number_after("is ready");
  ASSERT_GT(host, 0);
  try {
    const Round second({.bin = TIMMY_BIN, .folder = folder_ / "run"});
    ADD_FAILURE() << "it was emptied under the host";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("pid " + std::to_string(host)));
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run" / "timmy" / "host.db"));
}

TEST(RoundTargets, AGiteaIsTouchedOnlyWhereItIsNamed) {
  const TestFolder folder;
  const RoundOptions options{
      .bin = TIMMY_BIN, .folder = folder / "run", .gitea_url = "https://git.example.org"};
  EXPECT_THROW(Round{options}, Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST(RoundTargets, ATokenIsNotSentInPlaintext) {
  const TestFolder folder;
  Round round({.bin = TIMMY_BIN,
               .folder = folder / "run",
               .gitea_url = "http://git.example.org",
               .hermes_home = folder.path(),
               .repos = "org/app"});
  EXPECT_THROW(round.start(), Error) << "the host refuses such a URL";
}

}  // namespace
}  // namespace host::e2e
