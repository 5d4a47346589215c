// SPDX-License-Identifier: Apache-2.0
#include "deadman/round.hpp"

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

const std::string kSystemctl = "/usr/bin/systemctl";

class RoundTest : public ::testing::Test {
 protected:
  std::vector<std::string> look() {
    Round round(settings_, state_,
                {.clock = clock_,
                 .boot = "one",
                 .host_name = "allegro",
                 .runner = runner_,
                 .look = [this](const Watch&) { return sign_; },
                 .keep = [this](const State& state) { keep(state); }});
    std::vector<std::string> events;
    for (const auto& record : round.run()) events.emplace_back(name(record.event));
    return events;
  }
  void keep(const State& state) {
    if (disk_full_) throw Error(Code::io, "no space left on device");
    kept_ = state;
    runs_at_keep_.push_back(runner_.of(kSystemctl).size());
  }
  // Lets it fall silent, with a look each minute; everything that was recorded.
  std::vector<std::string> pass(Duration time) {
    std::vector<std::string> all;
    for (Duration passed{}; passed < time; passed += 1min) {
      clock_.advance(1min);
      for (auto& event : look()) all.push_back(std::move(event));
    }
    return all;
  }
  [[nodiscard]] Target& target() { return state_.targets["hermes"]; }
  [[nodiscard]] Record last() const { return state_.records.back(); }

  FakeClock clock_;
  FakeRunner runner_;
  Settings settings_ = hermes_settings();
  State state_{.id = "s"};
  State kept_;
  std::vector<std::size_t> runs_at_keep_;
  Sign sign_{Sign::Kind::there, "1"};
  bool disk_full_ = false;
};

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
}

TEST_F(RoundTest, TheIntentIsOnTheDiskBeforeTheAction) {
  look();
  pass(9min);
  runs_at_keep_.clear();
  pass(1min);
  ASSERT_FALSE(runs_at_keep_.empty());
  EXPECT_EQ(runs_at_keep_.front(), 0u) << "it was run before it was kept";
  EXPECT_EQ(kept_.targets.at("hermes").tries, 1);
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

TEST_F(RoundTest, ThreeInVainAndAPersonIsToldOnce) {
  look();
  pass(24h);
  EXPECT_THAT(runner_.of(kSystemctl), SizeIs(3));
  ASSERT_THAT(runner_.of("/alert"), SizeIs(2));
  EXPECT_EQ(Json::parse(runner_.of("/alert")[1].input)["event"], "handed_off");
}

TEST_F(RoundTest, AnAlertThatFailsIsTriedAgainAndGivenUpAloud) {
  runner_.alert_ending = {false, "status 7"};
  settings_.watches[0].restart.reset();
  settings_.watches[0].rules.restarts = false;
  look();
  EXPECT_THAT(pass(60min), ElementsAre("died", "alert_failed", "alert_failed"));
  EXPECT_THAT(runner_.of("/alert"), SizeIs(5));
  EXPECT_THAT(last().text, HasSubstr("for the last time: status 7"));
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

TEST_F(RoundTest, ABootWithoutANameIsSaidAndNotPassedOver) {
  Round round(settings_, state_,
              {.clock = clock_,
               .runner = runner_,
               .look = [this](const Watch&) { return sign_; },
               .keep = [](const State&) {}});
  EXPECT_THROW(round.run(), Error);
}

TEST_F(RoundTest, OneTargetsDeathIsNobodyElses) {
  settings_.watches.push_back(settings_.watches[0]);
  settings_.watches[1].name = "other";
  int beats = 0;
  const auto look_at_both = [&] {
    clock_.advance(1min);
    ++beats;
    Round round(settings_, state_,
                {.clock = clock_,
                 .boot = "one",
                 .runner = runner_,
                 .look =
                     [&](const Watch& watch) {
                       return watch.name == "other" ? Sign{Sign::Kind::there, std::to_string(beats)}
                                                    : sign_;
                     },
                 .keep = [](const State&) {}});
    round.run();
  };
  for (int i = 0; i < 100; ++i) look_at_both();
  EXPECT_TRUE(target().handed_off);
  EXPECT_FALSE(state_.targets["other"].active);
}

}  // namespace
}  // namespace host::deadman
