// SPDX-License-Identifier: Apache-2.0
#include "deadman/restart.hpp"

#include <gmock/gmock.h>

namespace host::deadman {
namespace {

using ::testing::ElementsAre;

TEST(Restart, OfAUnitIsThatVerbOnThatUnit) {
  EXPECT_THAT(errand_of({.unit = "a@1.service"}, "a").arguments,
              ElementsAre("/usr/bin/systemctl", "--no-ask-password", "--no-block", "restart", "--",
                          "a@1.service"));
  EXPECT_THAT(errand_of({.manager = Restart::Manager::user, .unit = "a.service"}, "a").arguments,
              ElementsAre("/usr/bin/systemctl", "--user", "--no-ask-password", "--no-block",
                          "restart", "--", "a.service"));
}

TEST(Restart, OfACommandIsSystemdsChildAndNoShells) {
  EXPECT_THAT(
      errand_of({.command = {"/opt/agent", "restart", "; rm -rf /", "$(x)"}}, "a").arguments,
      ElementsAre("/usr/bin/systemd-run", "--no-ask-password", "--wait", "--collect",
                  "--unit=timmy-deadman-a", "--property=RuntimeMaxSec=300", "--", "/opt/agent",
                  "restart", "; rm -rf /", "$(x)"));
  EXPECT_THAT(errand_of({.command = {"/opt/agent", "restart"}}, "a").programs,
              ElementsAre("/opt/agent"));
}

TEST(Restart, TakesOnlyTheNameOfOneService) {
  for (const char* name : {"a.service", "hermes-agent@allegro.service", "A:b_c\\x2d.service"})
    EXPECT_TRUE(is_service_name(name)) << name;
  for (const char* name : {"", ".service", "--force.service", "-H x.service", "*.service",
                           "a?.service", "[ab].service", "reboot.target", "a.service b.service",
                           "a/../b.service", "a.service\n", "a", "a.timer"})
    EXPECT_FALSE(is_service_name(name)) << name;
  EXPECT_FALSE(is_service_name(std::string(300, 'a') + ".service"));
}

}  // namespace
}  // namespace host::deadman
