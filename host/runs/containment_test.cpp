// SPDX-License-Identifier: Apache-2.0
#include "runs/containment.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host::runs {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Containment, IsAskedOfARealSupervisor) {
  const TestFolder folder;
  OwnSupervisors supervisors(TIMMY_SUPERVISOR);
  const auto in_force = probe_containment(supervisors, folder.path());
  EXPECT_TRUE(in_force.seccomp.in_force) << in_force.seccomp.detail;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it leaves nothing";
}

TEST(Containment, ThatCantBeAskedIsAnError) {
  const TestFolder folder;
  OwnSupervisors none("/nowhere/timmy-supervisor");
  EXPECT_THROW((void)probe_containment(none, folder.path()), Error);
  OwnSupervisors dumb("/bin/true");
  EXPECT_THROW((void)probe_containment(dumb, folder.path()), Error);
}

TEST(Containment, ThatIsWholeHasNothingToSay) {
  InForce all;
  all.pid_namespace = all.private_root = all.network = {true, ""};
  all.processes = all.landlock = all.seccomp = {true, ""};
  EXPECT_THAT(what_is_not_held(all), IsEmpty());
}

TEST(Containment, SaysWhatAHostileAgentCould) {
  const auto lines = what_is_not_held({});
  EXPECT_THAT(lines, Contains(HasSubstr("outlive its run")));
  EXPECT_THAT(lines, Contains(HasSubstr("pass the meter by")));
  EXPECT_THAT(lines, Contains(HasSubstr("every file")));
  EXPECT_THAT(lines, Contains(HasSubstr("until the machine has no more")));
}

}  // namespace
}  // namespace host::runs
