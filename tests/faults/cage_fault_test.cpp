// SPDX-License-Identifier: Apache-2.0
//
// Row W12 on a machine that lacks a layer of the cage: whoever looks is told.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class WithoutLandlockTest : public FaultBench {
 protected:
  WithoutLandlockTest() { host_is(TIMMY_WITHOUT_LANDLOCK); }

  // What a command prints, on the same machine.
  [[nodiscard]] std::string run(const std::string& option) const {
    const auto out = folder_ / "out";
    {
      const Fd file(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      auto command = spawn({.program = bin_ / "timmy-host",
                            .arguments = {"timmy-host", option},
                            .environment = {{"HOME", folder_.path().string()},
                                            {"TIMMY_HOME", paths_.timmy_home.string()},
                                            {"HERMES_HOME", paths_.hermes_home.string()}},
                            .folder = "/",
                            .descriptors = {{file.get(), 1}, {file.get(), 2}}});
      pollfd ended{command.pidfd(), POLLIN, 0};
      EXPECT_EQ(::poll(&ended, 1, 60'000), 1) << option;
      (void)command.reap();
    }
    return read_file(out, 1u << 20);
  }
};

TEST_F(WithoutLandlockTest, W12_AMissingLayerIsToldByLogStatusListAndDoctor) {
  start();
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed") << "it works all the same";
  EXPECT_THAT(log(), ContainsRegex("caged without: .*landlock"));
  EXPECT_THAT(client().get("/v1/status")["attention"].dump(), ContainsRegex("without .*landlock"));
  EXPECT_THAT(run("--list-tasks"), ContainsRegex("without .*landlock"));
  EXPECT_THAT(run("--doctor"), HasSubstr("landlock is not in force"));
  stop();
  EXPECT_THAT(run("--list-tasks"), ContainsRegex("without .*landlock"))
      << "nor does it take a host";
  check_invariants();
}

}  // namespace
}  // namespace host::faults
