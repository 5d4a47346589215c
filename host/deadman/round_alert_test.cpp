// SPDX-License-Identifier: Apache-2.0
//
// Who is told of what a round did, when, and how often.
#include "deadman/round.hpp"

#include <set>

#include "base/json.hpp"
#include "deadman/round_bench.hpp"

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

}  // namespace
}  // namespace host::deadman
