// SPDX-License-Identifier: Apache-2.0
#include "deadman/unit_state.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// As systemctl prints it. A change at 1 h of CLOCK_MONOTONIC.
std::string answer(const std::string& active, const std::string& sub = "running",
                   const std::string& result = "success", int restarts = 0) {
  return "LoadState=loaded\nActiveState=" + active + "\nSubState=" + sub +
         "\nStateChangeTimestampMonotonic=3600000000\nResult=" + result +
         "\nNRestarts=" + std::to_string(restarts) + "\n";
}

TEST(UnitState, IsReadInAnyOrder) {
  const auto state = parse_unit_state(answer("failed", "failed", "start-limit-hit", 5));
  EXPECT_EQ(state.load, "loaded");
  EXPECT_EQ(state.active, "failed");
  EXPECT_EQ(state.changed, 1h);
  EXPECT_EQ(to_text(state), "failed (start-limit-hit), started again by systemd 5 times");
  EXPECT_EQ(to_text(parse_unit_state(answer("activating", "auto-restart", "exit-code", 1))),
            "activating, auto-restart (exit-code), started again by systemd 1 times");
}

TEST(UnitState, IsTakenFromNothingElse) {
  const auto whole = answer("active");
  EXPECT_NO_THROW((void)parse_unit_state(whole));
  for (const std::string& other :
       {std::string(), whole + "warning: the unit changed on disk\n", whole + "Result=success\n",
        whole.substr(whole.find('\n') + 1), answer("Active!"), answer(""),
        answer(std::string(65, 'a')), answer("active", "running", "success", -1)})
    EXPECT_THROW((void)parse_unit_state(other), Error) << other;
}

TEST(RunRestart, OfAUnitIsDoneWhenItIsTaken) {
  FakeRunner runner;
  EXPECT_TRUE(run_restart({.unit = "a.service"}, "a", {}, runner).ok);
  runner.restart_ending = {false, "status 1: Access denied"};
  const auto refused = run_restart({.unit = "a.service"}, "a", {}, runner);
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.text, "the restart failed: status 1: Access denied");
}

TEST(RunRestart, OfACommandEndsAsThatDoes) {
  FakeRunner runner;
  const Restart restart{.command = {"/opt/agent", "restart"}};
  const auto well = run_restart(restart, "a", 20s, runner);
  EXPECT_TRUE(well.ok);
  EXPECT_EQ(well.text, "the command ended well");
  runner.restart_ending = {false, "status 7: Finished with result: exit-code"};
  const auto badly = run_restart(restart, "a", 20s, runner);
  EXPECT_FALSE(badly.ok);
  EXPECT_THAT(badly.text, HasSubstr("status 7"));
  EXPECT_THAT(runner.questions, IsEmpty());
}

TEST(RunRestart, OfACommandThatNobodyWaitsForIsDoneWhenItIsTaken) {
  FakeRunner runner;
  const Restart restart{.command = {"/opt/agent", "restart"}};
  const auto taken = run_restart(restart, "a", 0s, runner);
  EXPECT_TRUE(taken.ok);
  EXPECT_EQ(taken.text,
            "systemd took the command; how timmy-deadman-a.service ends is in the journal alone");
  runner.restart_ending = {false, "status 1: no systemd"};
  EXPECT_FALSE(run_restart(restart, "a", 0s, runner).ok);
}

TEST(RunRestart, OfASlowCommandSaysWhatSystemdSaysOfIt) {
  FakeRunner runner;
  const Restart restart{.manager = Restart::Manager::user, .command = {"/opt/agent", "restart"}};
  runner.restart_ending = {false, "took longer than 20s", "", true};
  runner.answer = {true, "status 0", answer("active")};
  const auto slow = run_restart(restart, "a", 20s, runner);
  EXPECT_TRUE(slow.ok);
  EXPECT_EQ(slow.text,
            "the command goes on after 20s; how timmy-deadman-a.service ends is in the journal "
            "alone");
  ASSERT_THAT(runner.questions, SizeIs(1));
  EXPECT_EQ(runner.questions[0].arguments.back(), "timmy-deadman-a.service");
  runner.answer = {true, "status 0", answer("failed", "failed", "exit-code")};
  EXPECT_THAT(run_restart(restart, "a", 20s, runner).text, HasSubstr("now: failed (exit-code)"));
  EXPECT_FALSE(run_restart(restart, "a", 20s, runner).ok);
  runner.answer = {false, "status 1: no bus"};
  const auto unknown = run_restart(restart, "a", 20s, runner);
  EXPECT_FALSE(unknown.ok) << "nobody knows that it was begun";
  EXPECT_THAT(unknown.text, HasSubstr("no bus"));
}

TEST(UnitState, IsAskedOfTheManagerThatRestarts) {
  FakeRunner runner;
  runner.answer = {true, "status 0", answer("active")};
  EXPECT_EQ(ask_for_unit(Restart::Manager::user, "a.service", runner).active, "active");
  ASSERT_THAT(runner.questions, SizeIs(1));
  const auto& arguments = runner.questions[0].arguments;
  EXPECT_EQ(arguments[0], "/usr/bin/systemctl");
  EXPECT_EQ(arguments[1], "--user");
  EXPECT_EQ(arguments.back(), "a.service");
  EXPECT_EQ(*(arguments.end() - 2), "--") << "a name is never an option";
  (void)ask_for_unit(Restart::Manager::system, "a.service", runner);
  EXPECT_NE(runner.questions[1].arguments[1], "--user");
  runner.answer = {false, "status 1: no bus"};
  try {
    (void)ask_for_unit(Restart::Manager::system, "a.service", runner);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_THAT(error.message(), HasSubstr("a.service: status 1: no bus"));
  }
}

TEST(UnitState, IsDescribedForEvidence) {
  FakeRunner runner;
  auto watch = hermes_settings().watches[0];
  runner.answer = {true, "status 0", answer("failed", "failed", "start-limit-hit")};
  EXPECT_EQ(describe_unit(watch, runner), "h.service: failed (start-limit-hit)");
  watch.restart = Restart{.command = {"/bin/true"}};
  runner.answer = {false, "took longer than 5s"};
  EXPECT_THAT(describe_unit(watch, runner), HasSubstr("timmy-deadman-hermes.service"));
  runner.answer = {true, "status 0",
                   "LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\n"
                   "NRestarts=0\nStateChangeTimestampMonotonic=0\n"};
  EXPECT_EQ(describe_unit(watch, runner), "timmy-deadman-hermes.service: not running")
      << "it is there only while the command runs";
  watch.restart.reset();
  EXPECT_EQ(describe_unit(watch, runner), "");
  EXPECT_THAT(runner.questions, SizeIs(3));
}

TEST(UnitState, IsWorkInHandOnlyWhereSomebodyAskedForItAndNotForEver) {
  const auto at_work = [](const std::string& text, Duration at = 1h + 1min) {
    return is_at_work_on(parse_unit_state(text), {"one", at});
  };
  EXPECT_TRUE(at_work(answer("activating", "start")));
  EXPECT_TRUE(at_work(answer("deactivating", "stop-sigterm")));
  EXPECT_TRUE(at_work(answer("reloading", "reload")));
  EXPECT_FALSE(at_work(answer("active")));
  EXPECT_FALSE(at_work(answer("failed", "failed", "start-limit-hit", 5)));
  EXPECT_FALSE(at_work(answer("activating", "auto-restart", "exit-code", 1)));
  EXPECT_FALSE(at_work(answer("activating", "start", "success", 1)))
      << "one that hangs in each start would never be found dead";
  EXPECT_FALSE(at_work(answer("activating", "start"), 2h));
}

class UnlessAtWorkTest : public ::testing::Test {
 protected:
  Sign judged(const Sign& sign) {
    return unless_at_work(sign, watch_, kept_, {"one", 1h + 2min}, runner_);
  }

  FakeRunner runner_;
  Watch watch_ = hermes_settings().watches[0];
  // A look a minute ago, and nine minutes of silence then.
  Silence kept_{.looked = {"one", 1h + 1min}, .mark = "1", .ever = true, .silent = 9min};
  const Sign silent_{Sign::Kind::there, "1"};
};

TEST_F(UnlessAtWorkTest, SilenceOfAUnitThatIsBeingStartedSaysNothing) {
  runner_.answer = {true, "status 0", answer("activating", "start")};
  EXPECT_EQ(judged(silent_).kind, Sign::Kind::at_work);
  EXPECT_EQ(judged(silent_).mark, "h.service is activating");
  EXPECT_EQ(judged({Sign::Kind::missing, ""}).kind, Sign::Kind::at_work);
}

TEST_F(UnlessAtWorkTest, AStopThatNeverEndsIsADeathAfterAnHour) {
  const Duration after = watch_.rules.after;
  Duration at = 1h + 2min;
  const auto look = [&](const std::string& active) {
    // It has just gone from one way of stopping to the next, as it says itself.
    runner_.answer = {true, "status 0",
                      "LoadState=loaded\nActiveState=" + active +
                          "\nSubState=stop\nResult=success\nNRestarts=0\n"
                          "StateChangeTimestampMonotonic=" +
                          std::to_string(at.count()) + "\n"};
    const Moment now{"one", at};
    const auto sight = kept_.look(unless_at_work(silent_, watch_, kept_, now, runner_), now, after);
    at += 1min;
    return sight.life;
  };
  Duration begun = at;
  while (look("deactivating") == Sight::Life::unsure) ASSERT_LE(at - begun, 62min);
  EXPECT_GE(at - begun, 60min);
  while (look("deactivating") != Sight::Life::silent) ASSERT_LE(at - begun, 62min + after);
  // A sign of life, and it may take an hour again.
  (void)kept_.look({Sign::Kind::there, "2"}, {"one", at}, after);
  kept_.mark = "1";
  kept_.silent = 9min;
  EXPECT_EQ(look("activating"), Sight::Life::unsure);
}

TEST_F(UnlessAtWorkTest, OnlyTimeAtWorkIsExcusedTime) {
  const auto look = [&](Sign::Kind kind, Duration at) {
    (void)kept_.look({kind, "1"}, {"one", at}, watch_.rules.after);
  };
  look(Sign::Kind::at_work, 2h);
  EXPECT_EQ(kept_.excused, 0min) << "it may have begun just now";
  look(Sign::Kind::at_work, 2h + 5min);
  look(Sign::Kind::untrusted, 2h + 7min);
  look(Sign::Kind::at_work, 2h + 9min);
  EXPECT_EQ(kept_.excused, 5min);
}

TEST_F(UnlessAtWorkTest, OfOneThatRunsOrCantBeAskedForItIsSilence) {
  runner_.answer = {true, "status 0", answer("active")};
  EXPECT_EQ(judged(silent_).kind, Sign::Kind::there);
  runner_.answer = {false, "took longer than 5s"};
  EXPECT_EQ(judged(silent_).kind, Sign::Kind::there);
  EXPECT_THAT(runner_.questions, SizeIs(2));
}

TEST_F(UnlessAtWorkTest, NobodyIsAskedWhileNoDeathIsNear) {
  runner_.answer = {true, "status 0", answer("activating", "start")};
  EXPECT_EQ(judged({Sign::Kind::there, "2"}).kind, Sign::Kind::there) << "a sign of life";
  EXPECT_EQ(judged({Sign::Kind::untrusted, "a link"}).mark, "a link");
  kept_.silent = 3min;
  EXPECT_EQ(judged(silent_).kind, Sign::Kind::there);
  kept_.silent = 9min;
  kept_.ever = false;
  EXPECT_EQ(judged({Sign::Kind::missing, ""}).kind, Sign::Kind::missing);
  kept_ = {.looked = {"another", 1h}, .mark = "1", .ever = true, .silent = 9min};
  EXPECT_EQ(judged(silent_).kind, Sign::Kind::there) << "the first look of a boot";
  watch_.restart = Restart{.command = {"/bin/true"}};
  EXPECT_EQ(judged(silent_).kind, Sign::Kind::there);
  EXPECT_THAT(runner_.questions, IsEmpty());
}

}  // namespace
}  // namespace host::deadman
