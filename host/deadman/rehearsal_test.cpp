// SPDX-License-Identifier: Apache-2.0
#include "deadman/rehearsal.hpp"

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> events_of(const Settings& settings) {
  std::vector<std::string> events;
  const FakeRunner runner;
  for (const auto& each : rehearse_death(settings, settings.watches[0], runner))
    events.emplace_back(name(each.record.event));
  return events;
}

TEST(Rehearsal, ShowsADeathFromItsFirstMinuteToTheHandOff) {
  const auto settings = hermes_settings();
  EXPECT_THAT(events_of(settings),
              ElementsAre("died", "restarting", "restarting", "restarting", "handed_off"));
  const FakeRunner runner;
  const auto all = rehearse_death(settings, settings.watches[0], runner);
  EXPECT_THAT(runner.errands, IsEmpty());
  EXPECT_EQ(all[0].after, 10min);
  EXPECT_EQ(all[2].after, 20min);
  EXPECT_EQ(all[1].record.evidence["command"].back(), "h.service");
  EXPECT_THAT(all[0].alert, ElementsAre("/alert"));
  EXPECT_THAT(all[1].alert, IsEmpty());
  EXPECT_THAT(all[4].alert, ElementsAre("/alert"));
}

TEST(Rehearsal, EndsAlsoWithoutARestartAndWithTheLongestPauses) {
  auto settings = hermes_settings();
  settings.watches[0].rules.pause = 24h * 7;
  settings.watches[0].rules.max_retries = 10;
  settings.watches[0].rules.after = 1s;
  EXPECT_EQ(events_of(settings).size(), 12u);
  settings.watches[0].rules.restarts = false;
  settings.watches[0].restart.reset();
  EXPECT_THAT(events_of(settings), ElementsAre("died"));
}

TEST(Rehearsal, SaysWhatStandsInTheWayHere) {
  auto settings = hermes_settings();
  settings.watches[0].restart = Restart{.command = {"/no/such/program"}};
  FakeRunner runner;
  const Machine machine{.runner = runner, .user = 0};
  const auto lacks = shortcomings(settings, settings.watches[0],
                                  Sign{Sign::Kind::untrusted, "/s is a symbolic link"}, machine);
  EXPECT_THAT(lacks, Contains(HasSubstr("/s is a symbolic link")));
  EXPECT_THAT(lacks, Contains("/no/such/program can't be run here"));
  EXPECT_THAT(lacks, Contains("/alert can't be run here"));
  settings.alert.clear();
  settings.watches[0].restart.reset();
  EXPECT_THAT(shortcomings(settings, settings.watches[0], Sign{Sign::Kind::there, "m"}, machine),
              ElementsAre(HasSubstr("only be flagged"), HasSubstr("nobody would be told")));
  auto with_dispatch = settings.watches[0];
  with_dispatch.dispatch = Dispatch{"code", "spare"};
  EXPECT_THAT(shortcomings(settings, with_dispatch, Sign{Sign::Kind::there, "m"}, machine),
              ElementsAre(HasSubstr("nobody would be told")));
  EXPECT_EQ(shortcomings(settings, settings.watches[0], std::nullopt, machine).size(), 2u)
      << "what only a running host sees is no shortcoming";
}

// A machine of the test's own, with all that a restart needs.
class ShortcomingsTest : public ::testing::Test {
 protected:
  ShortcomingsTest() {
    for (const char* there :
         {"run/systemd/system", "run/dbus/system_bus_socket", kPolkit, "run/user/7/systemd"})
      std::filesystem::create_directories(root_ / there);
    settings_.alert = {"/bin/true"};
    answer("loaded");
  }
  void answer(const std::string& load) {
    runner_.answer = {true, "status 0",
                      "LoadState=" + load +
                          "\nActiveState=inactive\nSubState=dead\nResult=success\nNRestarts=0\n"
                          "StateChangeTimestampMonotonic=0\n"};
  }
  std::vector<std::string> seen_by(uid_t user) {
    auto lines = shortcomings(settings_, settings_.watches[0], std::nullopt,
                              {.runner = runner_, .user = user, .root = root_.path()});
    // Of the machine that the test runs on.
    std::erase_if(lines, [](const auto& line) { return line.starts_with("/usr/bin/system"); });
    return lines;
  }
  Restart& restart() { return *settings_.watches[0].restart; }

  static constexpr const char* kPolkit =
      "usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";
  TestFolder root_;
  FakeRunner runner_;
  Settings settings_ = hermes_settings();
};

TEST_F(ShortcomingsTest, ThereAreNoneWhereAllIsThere) {
  EXPECT_THAT(seen_by(0), IsEmpty());
  EXPECT_THAT(seen_by(7), IsEmpty());
}

TEST_F(ShortcomingsTest, AUnitThatSystemdCantStart) {
  answer("not-found");
  EXPECT_THAT(seen_by(7), ElementsAre("systemd can't start h.service: it is not-found"));
  runner_.answer = {false, "status 1: no bus"};
  EXPECT_THAT(seen_by(7), ElementsAre(HasSubstr("h.service: status 1: no bus")));
  std::filesystem::remove(root_ / "run/systemd/system");
  EXPECT_THAT(seen_by(7), ElementsAre(HasSubstr("systemd does not run this machine")));
}

TEST_F(ShortcomingsTest, AUserThatNothingGivesTheRight) {
  std::filesystem::remove(root_ / kPolkit);
  std::filesystem::remove(root_ / "run/dbus/system_bus_socket");
  EXPECT_THAT(seen_by(7), ElementsAre(HasSubstr("no D-Bus"), HasSubstr("no polkit")));
  EXPECT_THAT(seen_by(0), IsEmpty()) << "root needs neither";
}

TEST_F(ShortcomingsTest, ACommandThatTheMachinesSystemdWouldNotRun) {
  restart() = Restart{.command = {"/bin/true"}};
  EXPECT_THAT(seen_by(7), ElementsAre(HasSubstr("manager: user")));
  EXPECT_THAT(seen_by(0), IsEmpty());
  restart().manager = Restart::Manager::user;
  EXPECT_THAT(seen_by(7), IsEmpty());
  EXPECT_THAT(seen_by(8), ElementsAre(HasSubstr("loginctl enable-linger 8")));
}

TEST_F(ShortcomingsTest, ACommandWhoseEndNobodyHearsOf) {
  runner_.bus = false;
  EXPECT_THAT(seen_by(7), IsEmpty()) << "of a unit nothing is to be heard";
  restart() = Restart{.command = {"/bin/true"}};
  EXPECT_THAT(seen_by(0), ElementsAre(HasSubstr("apt install dbus")));
  const auto shown = rehearse_death(settings_, settings_.watches[0], runner_);
  EXPECT_THAT(shown[1].record.evidence["command"], Contains("--no-block"));
  restart().manager = Restart::Manager::user;
  EXPECT_THAT(seen_by(7), ElementsAre(HasSubstr("no message bus of user 7")));
  EXPECT_THAT(seen_by(7), ElementsAre(HasSubstr("apt install dbus-user-session")));
}

TEST_F(ShortcomingsTest, AProgramThatOthersCouldHaveWritten) {
  const auto program = (root_ / "page-ops").string();
  write_atomically(program, "#!/bin/sh\n", 0775);
  settings_.alert = {program};
  EXPECT_THAT(seen_by(7), ElementsAre(HasSubstr("chmod go-w " + program)));
}

}  // namespace
}  // namespace host::deadman
