// SPDX-License-Identifier: Apache-2.0
#include "workers/cage.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

TEST(CageReport, SaysWhichLayersAreMissingAndWhy) {
  CageReport report;
  report.layers = {
      {"seccomp", true, ""}, {"landlock", false, "switched off"}, {"memory", false, "no"}};
  EXPECT_EQ(report.missing(), "landlock (switched off); memory (no)");
  EXPECT_TRUE(report.in_force("seccomp"));
  EXPECT_FALSE(report.in_force("landlock"));
  EXPECT_FALSE(report.in_force("anything else"));
  EXPECT_EQ(CageReport::from(report.json()).layers, report.layers);
}

// As SystemCallFilter=~@privileged of the host's unit does.
void refuse_capset() {
  const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(capset), 0);
  ::seccomp_load(filter);
  ::seccomp_release(filter);
}

void hold_no_capability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  ::syscall(SYS_capset, &header, none.data());
}

// In a process of its own, which then may not call capset. 1: the layer is in force.
int capabilities_in_force(bool holds_some, const std::filesystem::path& scratch) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!holds_some) hold_no_capability();
    refuse_capset();
    try {
      CageSpec spec;
      spec.scratch = scratch;
      const auto report = enter_cage(spec, {}, Error(Code::unsupported, "none"));
      ::_exit(report.in_force("capabilities") ? 1 : 2);
    } catch (...) {
      ::_exit(3);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Cage, WhereThereAreNoCapabilitiesNoneNeedToBeDropped) {
  const TestFolder folder;
  EXPECT_EQ(capabilities_in_force(false, folder.path()), 1);
  if (::geteuid() != 0) return;  // there is none to hold
  EXPECT_EQ(capabilities_in_force(true, folder.path()), 2) << "that they stayed is told";
}

}  // namespace
}  // namespace host
