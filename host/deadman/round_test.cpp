// SPDX-License-Identifier: Apache-2.0
//
// What a round does about a death, and keeps of it.
#include "deadman/round.hpp"

#include "base/json.hpp"
#include "deadman/round_bench.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(RoundTest, ADeathIsRestartedAndTold) {
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(pass(10min), ElementsAre("died", "restarting", "restarted"));
  ASSERT_THAT(runner_.of(kSystemctl), SizeIs(1));
  EXPECT_EQ(runner_.of(kSystemctl)[0].arguments.back(), "h.service");
  ASSERT_THAT(runner_.of("/alert"), SizeIs(1));
  const auto told = Json::parse(runner_.of("/alert")[0].input);
  EXPECT_EQ(told["host"], "allegro");
  EXPECT_EQ(told["target"], "hermes");
  EXPECT_EQ(told["event"], "died");
  EXPECT_EQ(told["active"], true);
  EXPECT_THAT(told["text"].get<std::string>(),
              HasSubstr("hermes has given no sign of life for 10m; systemd took the restart"));
}

TEST_F(RoundTest, EachRecordHasItsEvidence) {
  look();
  pass(10min);
  const Record& restarting = state_.records[1];
  EXPECT_EQ(restarting.event, Event::restarting);
  EXPECT_THAT(restarting.text, HasSubstr("try 1 of 3: no sign of life for 10m"));
  EXPECT_EQ(restarting.evidence["mark"], "1");
  EXPECT_EQ(restarting.evidence["silent"], "10m");
  EXPECT_EQ(restarting.evidence["boot"], "one");
  EXPECT_EQ(restarting.evidence["command"].back(), "h.service");
  EXPECT_EQ(restarting.evidence["watched"], "/stamps/hermes");
  EXPECT_EQ(restarting.evidence["after"], "10m");
  EXPECT_EQ(restarting.evidence["unit"], "h.service");
  EXPECT_EQ(restarting.evidence["systemd"], "failed, start-limit-hit");
  EXPECT_EQ(restarting.evidence["restarts_in_window"], 0);
  EXPECT_FALSE(restarting.evidence.contains("last_sign")) << "it was seen once, from whenever";
}

TEST_F(RoundTest, WhenTheLastSignCameIsEvidence) {
  look();
  clock_.advance(1min);
  sign_.mark = "2";
  look();
  const auto seen = format_utc(clock_.wall());
  pass(10min);
  EXPECT_EQ(state_.records[0].evidence["last_sign"], seen);
}

TEST_F(RoundTest, ACommandsUnitIsNamed) {
  settings_.watches[0].restart = Restart{.command = {"/x"}};
  look();
  pass(10min);
  EXPECT_EQ(last().evidence["unit"], "timmy-deadman-hermes.service");
}

TEST_F(RoundTest, TheIntentIsOnTheDiskBeforeTheAction) {
  look();
  pass(9min);
  runs_at_keep_.clear();
  pass(1min);
  ASSERT_FALSE(runs_at_keep_.empty());
  EXPECT_EQ(runs_at_keep_.front(), 0u) << "it was run before it was kept";
  EXPECT_EQ(kept_.targets.at("system:h.service").tries, 1);
}

TEST_F(RoundTest, WhatCantBeKeptIsNotDone) {
  look();
  pass(9min);
  disk_full_ = true;
  EXPECT_THROW(pass(1min), Error);
  EXPECT_THAT(runner_.errands, IsEmpty());
}

TEST_F(RoundTest, AnOpenIntentCountsAndIsNotDoneAgain) {
  look();
  pass(9min);
  clock_.advance(1min);
  look();
  // As the disk has it after a death between the intent and its end.
  target().intent = Intent{clock_.wall()};
  runner_.errands.clear();
  EXPECT_THAT(pass(9min), ElementsAre("restart_unknown"));
  EXPECT_THAT(runner_.errands, IsEmpty());
  pass(1min);
  EXPECT_EQ(target().tries, 2);
  EXPECT_THAT(runner_.of(kSystemctl), SizeIs(1)) << "but it is not given up";
}

TEST_F(RoundTest, ARestartThatFailsCountsAndIsTold) {
  runner_.restart_ending = {false, "status 1: Access denied"};
  look();
  EXPECT_THAT(pass(10min), ElementsAre("died", "restarting", "restart_failed"));
  EXPECT_THAT(runner_.of("/alert")[0].input,
              HasSubstr("the restart failed: status 1: Access denied"));
  EXPECT_EQ(target().tries, 1);
  EXPECT_FALSE(target().intent);
}

TEST_F(RoundTest, ANewNameIsNoNewStart) {
  look();
  pass(3h);
  settings_.watches[0].name = "hermes-again";
  pass(10h);
  EXPECT_THAT(runner_.of(kSystemctl), SizeIs(3));
  EXPECT_TRUE(target().handed_off);
}

TEST_F(RoundTest, ADryRunJudgesAndRecordsAndRunsNothing) {
  settings_.dry_run = true;
  look();
  EXPECT_THAT(pass(24h),
              ElementsAre("died", "restarting", "restarting", "restarting", "handed_off"));
  EXPECT_THAT(runner_.errands, IsEmpty());
  EXPECT_THAT(state_.records[1].text, HasSubstr("would be restarted"));
  EXPECT_EQ(state_.records[1].evidence["dry_run"], true);
  EXPECT_EQ(state_.records[1].evidence["command"].back(), "h.service");
  EXPECT_FALSE(target().intent);
}

TEST_F(RoundTest, AllCommandsOfALookTogetherAreWaitedForNoLongerThanOne) {
  settings_.watches.resize(1);
  for (const char* name : {"ada", "bob"}) {
    settings_.watches.push_back(settings_.watches[0]);
    settings_.watches.back().name = name;
  }
  for (auto& watch : settings_.watches) watch.restart = Restart{.command = {"/opt/" + watch.name}};
  runner_.clock = &clock_;
  runner_.restart_takes = 12s;
  look();
  pass(9min);
  clock_.advance(1min);
  EXPECT_THAT(look(), Contains("restarted").Times(3)) << "nobody waits for the next look";
  const auto runs = runner_.of("/usr/bin/systemd-run");
  ASSERT_THAT(runs, SizeIs(3));
  EXPECT_EQ(runs[0].limit, kCommandWait);
  EXPECT_EQ(runs[1].limit, kCommandWait - 12s);
  EXPECT_THAT(runs[2].arguments, Contains("--no-block"));
  EXPECT_THAT(last().text, HasSubstr("in the journal alone"));
  EXPECT_EQ(last().evidence["command"], Json(runs[2].arguments));
}

TEST_F(RoundTest, WithoutAMessageBusACommandIsRunAllTheSame) {
  settings_.watches[0].restart = Restart{.command = {"/opt/agent"}};
  runner_.bus = false;
  look();
  EXPECT_THAT(pass(10min), Contains("restarted"));
  ASSERT_THAT(runner_.of("/usr/bin/systemd-run"), SizeIs(1));
  EXPECT_THAT(runner_.of("/usr/bin/systemd-run")[0].arguments, Contains("--no-block"));
}

}  // namespace
}  // namespace host::deadman
