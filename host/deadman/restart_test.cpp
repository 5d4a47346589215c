// SPDX-License-Identifier: Apache-2.0
#include "deadman/restart.hpp"

#include <gmock/gmock.h>

#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

TEST(Restart, OfAUnitIsThatVerbOnThatUnit) {
  EXPECT_THAT(errand_of({.unit = "a@1.service"}, "a", {}).arguments,
              ElementsAre("/usr/bin/systemctl", "--no-ask-password", "--no-block", "restart", "--",
                          "a@1.service"));
  EXPECT_THAT(
      errand_of({.manager = Restart::Manager::user, .unit = "a.service"}, "a", {}).arguments,
      ElementsAre("/usr/bin/systemctl", "--user", "--no-ask-password", "--no-block", "restart",
                  "--", "a.service"));
}

TEST(Restart, OfACommandIsSystemdsChildAndNoShells) {
  const auto errand = errand_of({.command = {"/opt/agent", "restart", "; rm -rf /"}}, "a", 7s);
  EXPECT_THAT(errand.arguments,
              ElementsAre("/usr/bin/systemd-run", "--no-ask-password", "--wait", "--collect",
                          "--unit=timmy-deadman-a", "--property=RuntimeMaxSec=300", "--",
                          "/opt/agent", "restart", "; rm -rf /"));
  EXPECT_THAT(errand.programs, ElementsAre("/opt/agent"));
  EXPECT_EQ(errand.limit, 7s);
}

// systemd.service(5): "To pass a literal dollar sign, use "$$"."
TEST(Restart, OfACommandPutsNoVariablesIntoItsArguments) {
  const Restart restart{.command = {"/opt/$agent", "$HOME", "a${HOME}b", "$$", "5$", "$(x)"}};
  const auto arguments = errand_of(restart, "a", 1s).arguments;
  EXPECT_THAT(std::vector(arguments.end() - 6, arguments.end()),
              ElementsAre("/opt/$agent", "$$HOME", "a$${HOME}b", "$$$$", "5$$", "$$(x)"));
}

TEST(Restart, OfACommandIsNotWaitedForWhereNobodyHearsOfItsEnd) {
  FakeRunner runner;
  const Restart restart{.command = {"/opt/agent"}};
  EXPECT_EQ(wait_for(restart, 20s, runner), 20s);
  EXPECT_EQ(wait_for(restart, 19900ms, runner), 19s);
  EXPECT_EQ(wait_for(restart, 4s, runner), 0s) << "it might fail for that alone";
  EXPECT_EQ(wait_for(restart, -1s, runner), 0s);
  EXPECT_EQ(wait_for({.unit = "a.service"}, 20s, runner), 0s);
  runner.bus = false;
  EXPECT_EQ(wait_for(restart, 20s, runner), 0s);
  const auto errand = errand_of(restart, "a", 0s);
  EXPECT_THAT(errand.arguments, AllOf(Contains("--no-block"), Not(Contains("--wait"))))
      << "with --wait systemd-run does nothing there";
  EXPECT_GT(errand.limit, 0s);
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
