// SPDX-License-Identifier: Apache-2.0
//
// Agents on a machine that lacks what would hold them to their playbook.
#include <gmock/gmock.h>

#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WithoutNamespacesTest : public DispatchBench {
 protected:
  WithoutNamespacesTest() { host_is(TIMMY_WITHOUT_NAMESPACES); }
  [[nodiscard]] bool waits_for(const std::string& what) {
    return eventually([&] {
      const Json now = item();
      return now.is_object() && now["state"] == "waiting" &&
             to_text(now["reason"]).find(what) != std::string::npos;
    });
  }
};

TEST_F(WithoutNamespacesTest, WhatMayReachTheMeterAloneDoesNotRunAndIsToldWhy) {
  agent_is("echo it ran\n" + std::string(kFix));
  start_host();
  ASSERT_TRUE(waits_for("no network namespace")) << to_text(item()) << log();
  EXPECT_EQ(item()["attempts"], 0);
  EXPECT_FALSE(std::filesystem::exists(paths_.runs() / "d1.1")) << output();
  EXPECT_THAT(pulls(), IsEmpty());
  EXPECT_THAT(to_text(client().get("/v1/status")["attention"]), HasSubstr("pass the meter by"));
  stop();
  // Whoever says that it may reach all has it run, and the pull request says so.
  playbook_is(kUsualLimits, "network: open\n");
  let_time_pass();
  start_host();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_THAT(output("d1.2"), HasSubstr("it ran"));
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

}  // namespace
}  // namespace host::faults
