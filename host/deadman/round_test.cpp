// SPDX-License-Identifier: Apache-2.0
#include "deadman/round.hpp"

#include <gmock/gmock.h>

#include <set>

#include "base/error.hpp"
#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
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
                 .keep = [this](const State& state) { keep(state); },
                 .unit_state = [](const Watch&) { return "failed, start-limit-hit"; }});
    std::vector<std::string> events;
    for (const auto& record : round.run()) events.emplace_back(name(record.event));
    return events;
  }
  void keep(const State& state) {
    if (disk_full_) throw Error(Code::io, "no space left on device");
    if (runner_.of("/alert").size() == alerts_at_keep_) kept_before_alert_ = state;
    alerts_at_keep_ = runner_.of("/alert").size();
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
  [[nodiscard]] Target& target() { return state_.target(settings_.watches[0]); }
  [[nodiscard]] Record last() const { return state_.records.back(); }

  FakeClock clock_;
  FakeRunner runner_;
  Settings settings_ = hermes_settings();
  State state_{.id = "s"};
  State kept_, kept_before_alert_;
  std::size_t alerts_at_keep_ = 0;
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

TEST_F(RoundTest, ThreeInVainAndAPersonIsToldOnce) {
  look();
  pass(24h);
  EXPECT_THAT(runner_.of(kSystemctl), SizeIs(3));
  ASSERT_THAT(runner_.of("/alert"), SizeIs(2));
  EXPECT_EQ(Json::parse(runner_.of("/alert")[1].input)["event"], "handed_off");
}

TEST_F(RoundTest, AHandOffSaysHowSystemdSeesTheUnit) {
  look();
  pass(24h);
  EXPECT_EQ(last().event, Event::handed_off);
  EXPECT_THAT(last().text, HasSubstr("after 3 restarts; hands off until it is cleared; systemd: "
                                     "failed, start-limit-hit"));
  const auto told = Json::parse(runner_.of("/alert")[1].input)["text"].get<std::string>();
  EXPECT_EQ(told, "hermes " + last().text);
  EXPECT_THAT(state_.records[0].text, ::testing::Not(HasSubstr("systemd: ")))
      << "of a death it is evidence alone";
}

TEST_F(RoundTest, AnAlertThatFailsIsTriedUntilSomebodyIsTold) {
  runner_.alert_ending = {false, "status 7"};
  look();
  EXPECT_THAT(pass(15h), Contains("alert_failed").Times(1));
  EXPECT_THAT(runner_.of("/alert"), SizeIs(AllOf(Ge(15u), Le(24u))));
  runner_.errands.clear();
  runner_.alert_ending = {true, "status 0"};
  pass(1h);
  ASSERT_THAT(runner_.of("/alert"), SizeIs(2));
  EXPECT_EQ(Json::parse(runner_.of("/alert")[0].input)["event"], "died");
  EXPECT_EQ(Json::parse(runner_.of("/alert")[1].input)["event"], "handed_off");
  pass(24h);
  EXPECT_THAT(runner_.of("/alert"), SizeIs(2));
}

TEST_F(RoundTest, AnAlertThatEndsTheDeadmanItselfIsBounded) {
  look();
  pass(9min);
  clock_.advance(1min);
  look();
  runner_.errands.clear();
  target().telling = {.open = {{Event::died, "is dead", ""}}};
  int goes = 0;
  for (int minute = 0; minute < 60; ++minute) {
    clock_.advance(1min);
    const auto before = runner_.of("/alert").size();
    look();
    if (runner_.of("/alert").size() == before) continue;
    ++goes;
    state_ = kept_before_alert_;  // what the disk had when it was run
  }
  EXPECT_EQ(goes, 6);
}

TEST_F(RoundTest, WithoutAnAlertNobodyIsTriedToBeToldInVain) {
  runner_.alert_ending = {false, "status 7"};
  look();
  pass(10min);
  EXPECT_GT(target().telling.failures, 0);
  settings_.alert.clear();
  pass(1min);
  EXPECT_EQ(target().telling.failures, 0);
  EXPECT_NE(target().telling.find(Event::died), nullptr) << "it waits for an alert";
}

TEST_F(RoundTest, AllAlertsOfALookTogetherHaveOneLimitAndNoneIsLost) {
  settings_.watches[0].rules.restarts = false;
  for (int i = 0; i < 9; ++i) {
    settings_.watches.push_back(settings_.watches[0]);
    settings_.watches.back().name = "other-" + std::to_string(i);
    settings_.watches.back().restart.reset();
  }
  runner_.clock = &clock_;
  runner_.alert_ending = {false, "took longer than 30s"};
  runner_.alert_takes = 10min;
  look();
  pass(9min);
  clock_.advance(1min);
  const auto begun = clock_.monotonic();
  EXPECT_THAT(look(), Contains("died").Times(10));
  EXPECT_LE(clock_.monotonic() - begun, 30s);
  EXPECT_THAT(runner_.of("/alert"), SizeIs(1));
  runner_.alert_takes = 8s;
  runner_.alert_ending = {true, "status 0"};
  for (int looks = 0; looks < 6; ++looks) {
    clock_.advance(1min);
    const auto before = clock_.monotonic();
    look();
    EXPECT_LE(clock_.monotonic() - before, 30s);
  }
  std::set<std::string> told;
  for (const auto& each : runner_.of("/alert"))
    told.insert(Json::parse(each.input)["target"].get<std::string>());
  EXPECT_THAT(told, SizeIs(10)) << "each in its turn";
  for (const auto& [key, target] : state_.targets) EXPECT_THAT(target.telling.open, IsEmpty());
}

TEST_F(RoundTest, WhatASlowAlertLeavesNoTimeForIsToldAtTheNextLook) {
  look();
  clock_.advance(1min);
  sign_.mark = "2";
  for (const auto event : {Event::died, Event::unwatchable, Event::handed_off})
    target().telling.raise(event, "text");
  runner_.clock = &clock_;
  runner_.alert_takes = 20s;
  std::vector<std::size_t> told;
  for (int looks = 0; looks < 3; ++looks) {
    look();
    clock_.advance(1min);
    told.push_back(runner_.of("/alert").size());
  }
  EXPECT_THAT(told, ElementsAre(1, 2, 3));
  target().telling.raise(Event::state_lost, "and then");
  EXPECT_THAT(target().telling.goes, SizeIs(1)) << "in one go";
}

TEST_F(RoundTest, WithoutAnAlertWhatHoldsWaitsForOne) {
  settings_.alert.clear();
  look();
  pass(2h);
  settings_.alert = {"/alert"};
  pass(1min);
  EXPECT_THAT(runner_.of("/alert"), SizeIs(2)) << "the death and the hand-off";
}

TEST_F(RoundTest, AMarkOfAnyBytesIsTheSameAtTheNextLook) {
  sign_ = {Sign::Kind::untrusted, "/s/\xff\xfe is " + std::string(5000, 'x')};
  for (int minute = 0; minute < 180; ++minute) {
    clock_.advance(1min);
    look();
    state_ = parse_state(to_text(state_));
  }
  EXPECT_THAT(state_.records, SizeIs(1));
  EXPECT_LT(target().trouble.size(), 1100u);
  sign_ = {Sign::Kind::there, "\xff"};
  look();
  state_ = parse_state(to_text(state_));
  pass(5min);
  state_ = parse_state(to_text(state_));
  EXPECT_THAT(pass(5min), Contains("died")) << "it stands still";
}

TEST_F(RoundTest, ALookThatFailsKeepsNoOtherFromItsOwn) {
  settings_.watches.push_back({.name = "other", .stamp = "/stamps/other"});
  for (int minute = 0; minute <= 10; ++minute) {
    clock_.advance(1min);
    Round(settings_, state_,
          {.clock = clock_,
           .boot = "one",
           .runner = runner_,
           .look = [this](const Watch& watch) -> Sign {
             if (watch.name == "hermes") throw std::runtime_error("too many open files");
             return sign_;
           },
           .keep = [](const State&) {}})
        .run();
  }
  EXPECT_EQ(target().trouble, "too many open files");
  EXPECT_TRUE(state_.target(settings_.watches[1]).active) << "it was looked at";
}

TEST_F(RoundTest, TheHostComesFirst) {
  settings_.watches.push_back({.name = "z-host", .kind = Watch::Kind::host});
  std::vector<std::string> looked;
  Round(settings_, state_,
        {.clock = clock_,
         .boot = "one",
         .runner = runner_,
         .look =
             [&](const Watch& watch) {
               looked.push_back(watch.name);
               return sign_;
             },
         .keep = [](const State&) {}})
      .run();
  EXPECT_THAT(looked, ElementsAre("z-host", "hermes"));
}

TEST_F(RoundTest, ANewNameIsNoNewStart) {
  look();
  pass(3h);
  settings_.watches[0].name = "hermes-again";
  pass(10h);
  EXPECT_THAT(runner_.of(kSystemctl), SizeIs(3));
  EXPECT_TRUE(target().handed_off);
}

TEST_F(RoundTest, AnotherStampIsNotDeadForItsPredecessor) {
  look();
  pass(9min);
  settings_.watches[0].stamp = "/stamps/other";
  sign_ = {Sign::Kind::missing, ""};
  EXPECT_THAT(pass(3h), ElementsAre("unwatchable")) << "it never lived";
  EXPECT_THAT(runner_.of(kSystemctl), IsEmpty());
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
  settings_.watches[1].restart->unit = "o.service";
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
  EXPECT_FALSE(state_.target(settings_.watches[1]).active);
}

}  // namespace
}  // namespace host::deadman
