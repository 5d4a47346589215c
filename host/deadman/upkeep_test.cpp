// SPDX-License-Identifier: Apache-2.0
#include "deadman/upkeep.hpp"

#include <gmock/gmock.h>

#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Watch watch_of(const std::string& name, const std::string& unit, const std::string& stamp = "") {
  Watch watch{.name = name, .stamp = "/stamps/" + (stamp.empty() ? name : stamp)};
  if (!unit.empty()) watch.restart = Restart{.unit = unit};
  watch.rules.restarts = !unit.empty();
  return watch;
}

// "hermes", handed off after three restarts of h.service, of which nobody was told yet.
class UpkeepTest : public ::testing::Test {
 protected:
  UpkeepTest() {
    Target& target = state_.target(settings_.watches[0]);
    target.watched = "/stamps/hermes";
    target.silence = {{"one", 1h}, "1", false, true, 12min};
    target.active = target.handed_off = true;
    target.tries = 3;
    target.restarts = {40min, 30min, 10min};
    target.telling.raise(Event::handed_off, "hands off");
  }
  std::vector<Record> look() {
    return bring_into_line(state_, settings_, {boot_, at_}, WallTime(at_));
  }
  std::vector<Record> pass(Duration time) {
    at_ += time;
    return look();
  }
  [[nodiscard]] const Target& hermes() const { return *state_.find(settings_.find("hermes")); }
  void expect_hermes_as_it_was() {
    ASSERT_NE(state_.find(settings_.find("hermes")), nullptr);
    auto telling = hermes().telling;
    EXPECT_TRUE(hermes().active);
    EXPECT_TRUE(hermes().handed_off);
    EXPECT_EQ(hermes().tries, 3);
    EXPECT_NE(telling.find(Event::handed_off), nullptr);
    EXPECT_EQ(hermes().silence.silent, 12min);
  }

  State state_{.id = "s"};
  Settings settings_{.watches = {watch_of("hermes", "h.service")}};
  std::string boot_ = "one";
  Duration at_ = 1h;
};

TEST_F(UpkeepTest, WithoutAnEditNothingHappens) {
  EXPECT_THAT(look(), IsEmpty());
  expect_hermes_as_it_was();
  EXPECT_THAT(hermes().restarts, SizeIs(3));
}

TEST_F(UpkeepTest, WhatIsKnownOfAWatchOutlivesEachEditOfItsRestart) {
  for (const auto* unit : {"right.service", "", "again.service", "h.service", ""}) {
    settings_.watches = {watch_of("hermes", unit)};
    const auto records = look();
    expect_hermes_as_it_was();
    ASSERT_THAT(records, SizeIs(1)) << unit;
    EXPECT_EQ(records[0].event, Event::carried_over);
    EXPECT_EQ(records[0].target, "hermes");
    EXPECT_THAT(records[0].text, HasSubstr("its flag is up, hands are off, it was restarted 3 "
                                           "times, somebody is still to be told"));
    EXPECT_THAT(look(), IsEmpty()) << "said once";
  }
}

TEST_F(UpkeepTest, HowOftenSomethingWasRestartedStaysWithIt) {
  settings_.watches = {watch_of("hermes", "right.service")};
  look();
  EXPECT_THAT(hermes().restarts, IsEmpty());
  pass(5min);
  settings_.watches = {watch_of("hermes", "h.service")};
  pass(5min);
  EXPECT_THAT(hermes().restarts, ElementsAre(45min, 35min, 15min)) << "and time passes for them";
}

TEST_F(UpkeepTest, AnotherWatchOfWhatItRestartedBeginsNoNewCount) {
  settings_.watches = {watch_of("hermes", ""), watch_of("other", "h.service")};
  look();
  expect_hermes_as_it_was();
  const Target& other = *state_.find(settings_.find("other"));
  EXPECT_FALSE(other.handed_off);
  EXPECT_THAT(other.restarts, SizeIs(3));
}

TEST_F(UpkeepTest, AHandOffOfEitherHoldsWhereTwoMeet) {
  settings_.watches = {watch_of("hermes", "h.service"), watch_of("ada", "a.service")};
  Target& ada = state_.target(settings_.watches[1]);
  ada.watched = "/stamps/ada";
  ada.tries = 1;
  settings_.watches = {watch_of("ada", "h.service")};
  look();
  EXPECT_TRUE(state_.target(settings_.watches[0]).handed_off);
  EXPECT_EQ(state_.target(settings_.watches[0]).tries, 3);
}

TEST_F(UpkeepTest, WatchesThatSwapWhatTheyRestartKeepTheirHandOffs) {
  settings_.watches.push_back(watch_of("ada", "a.service"));
  state_.target(settings_.watches[1]).watched = "/stamps/ada";
  std::swap(settings_.watches[0].restart, settings_.watches[1].restart);
  look();
  expect_hermes_as_it_was();
  EXPECT_THAT(hermes().restarts, IsEmpty());
  EXPECT_FALSE(state_.target(settings_.watches[1]).handed_off);
  EXPECT_THAT(state_.target(settings_.watches[1]).restarts, SizeIs(3));
}

TEST_F(UpkeepTest, WatchesThatSwapTheirNamesAreTheSameAsBefore) {
  settings_.watches.push_back(watch_of("ada", "a.service"));
  state_.target(settings_.watches[1]).watched = "/stamps/ada";
  std::swap(settings_.watches[0].name, settings_.watches[1].name);
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_TRUE(state_.targets.at("system:h.service").handed_off);
  EXPECT_FALSE(state_.targets.at("system:a.service").handed_off);
}

TEST_F(UpkeepTest, AWatchThatIsTakenOutAndPutBackIsAsItWas) {
  const auto before = settings_;
  settings_.watches = {watch_of("other", "")};
  look();
  pass(kForgottenAfter - 1h);
  settings_ = before;
  EXPECT_THAT(look(), IsEmpty());
  expect_hermes_as_it_was();
  settings_.watches = {watch_of("other", "")};
  EXPECT_THAT(pass(2h), IsEmpty()) << "its time begins anew";
}

TEST_F(UpkeepTest, TimeWithoutAWatchPassesOnceForWhatWasRestartedAndIsNoSilence) {
  const auto before = settings_;
  pass(1min);  // the state is brought into line, and hermes was looked at before
  settings_.watches = {watch_of("other", "")};
  pass(9min);
  pass(20min);
  settings_ = before;
  pass(0min);
  EXPECT_THAT(hermes().restarts, ElementsAre(70min, 60min, 40min));
  at_ += 1min;
  const Sign sign{Sign::Kind::there, "1"};
  (void)judge(state_.target(settings_.watches[0]), settings_.watches[0].rules, sign, {boot_, at_});
  EXPECT_THAT(hermes().restarts, ElementsAre(71min, 61min, 41min));
  EXPECT_EQ(hermes().silence.silent, 13min);
}

TEST_F(UpkeepTest, WhatMovesAgesOnceThoughTheTwoWereLookedAtAtTwoTimes) {
  settings_.watches = {watch_of("hermes", "right.service")};
  look();
  pass(20min);  // for h.service; at hermes itself nobody looks
  settings_.watches = {watch_of("hermes", "h.service")};
  pass(1min);
  const Sign sign{Sign::Kind::there, "1"};
  (void)judge(state_.target(settings_.watches[0]), settings_.watches[0].rules, sign, {boot_, at_});
  EXPECT_THAT(hermes().restarts, ElementsAre(61min, 51min, 31min));
}

TEST_F(UpkeepTest, WhereTwoMeetNobodyIsToldOfADeathAndOfItsEnd) {
  settings_.watches = {watch_of("hermes", "h.service"), watch_of("ada", "a.service")};
  Target& ada = state_.target(settings_.watches[1]);
  ada.watched = "/stamps/ada";
  ada.telling.raise(Event::healthy, "is well");
  state_.target(settings_.watches[0]).telling.raise(Event::died, "is dead");
  settings_.watches = {watch_of("ada", "h.service")};
  look();
  auto telling = state_.target(settings_.watches[0]).telling;
  EXPECT_EQ(telling.find(Event::died), nullptr);
  EXPECT_NE(telling.find(Event::healthy), nullptr);
  EXPECT_NE(telling.find(Event::handed_off), nullptr);
}

TEST_F(UpkeepTest, WhatBelongsToNoWatchIsForgottenInTimeAndThatIsSaid) {
  settings_.watches = {watch_of("other", "")};
  look();
  EXPECT_THAT(pass(kForgottenAfter - 1min), IsEmpty());
  const auto records = pass(1min);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].event, Event::forgotten);
  EXPECT_EQ(records[0].target, "hermes");
  EXPECT_THAT(records[0].text, HasSubstr("hands are off"));
  EXPECT_FALSE(state_.targets.contains("system:h.service"));
  EXPECT_EQ(state_.records.back().event, Event::forgotten);
}

TEST_F(UpkeepTest, OnlyTimeThatWasSeenToPassCounts) {
  settings_.watches = {watch_of("other", "")};
  look();
  boot_ = "two";
  at_ = 0h;
  look();
  EXPECT_THAT(pass(kForgottenAfter - 1min), IsEmpty()) << "of the boot before nothing counts";
  at_ -= 1h;
  EXPECT_THAT(look(), IsEmpty()) << "a snapshot";
  EXPECT_THAT(pass(1min), SizeIs(1));
}

TEST_F(UpkeepTest, OfManyThatAreNoMoreTheLongestGoneAreForgotten) {
  for (std::size_t i = 0; i < kMostUnwatched + 20; ++i) {
    settings_.watches = {watch_of("w" + std::to_string(i), "")};
    state_.target(settings_.watches[0]).active = true;
    pass(1min);
  }
  EXPECT_LE(state_.targets.size(), kMostUnwatched + 1);
  EXPECT_FALSE(state_.targets.contains("system:h.service"));
  EXPECT_TRUE(state_.targets.contains("w119"));
}

TEST_F(UpkeepTest, OfOneOfWhichNothingIsKnownNothingIsSaid) {
  state_.targets.clear();
  (void)state_.target(settings_.watches[0]);
  settings_.watches = {watch_of("hermes", "right.service")};
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(state_.targets, SizeIs(1));
}

}  // namespace
}  // namespace host::deadman
