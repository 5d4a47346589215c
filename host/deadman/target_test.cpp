// SPDX-License-Identifier: Apache-2.0
#include "deadman/target.hpp"

#include <gmock/gmock.h>

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

// A target, looked at each minute; `restarts_` keeps when it was restarted.
class TargetTest : public ::testing::Test {
 protected:
  TargetTest() { rules_.restarts = true; }

  Decision look(const Sign& sign) {
    auto decision = judge(target_, rules_, sign, {boot_, now_});
    for (const auto& each : decision.happenings) events_.emplace_back(name(each.event));
    if (decision.restart) {
      begin_restart(target_, {});
      restarts_.push_back(now_);
    }
    return decision;
  }
  void pass(Duration time, bool beats) {
    for (const auto end = now_ + time; now_ < end;) {
      now_ += 1min;
      if (beats) ++stamp_;
      look(stamp());
    }
  }
  [[nodiscard]] Sign stamp() const { return {Sign::Kind::there, std::to_string(stamp_)}; }
  // Of what is to be told.
  std::string text_of(Event event) {
    const Alert* const alert = target_.telling.find(event);
    return alert == nullptr ? "" : alert->text;
  }
  void live(Duration time) { pass(time, true); }
  void fall_silent(Duration time) { pass(time, false); }

  Rules rules_;
  Target target_;
  std::string boot_ = "one";
  Duration now_ = 100h;
  int stamp_ = 0;
  std::vector<Duration> restarts_;
  std::vector<std::string> events_;
};

TEST_F(TargetTest, OneThatLivesIsLeftAlone) {
  live(24h);
  EXPECT_THAT(restarts_, IsEmpty());
  EXPECT_THAT(events_, IsEmpty());
  EXPECT_FALSE(target_.active);
}

TEST_F(TargetTest, ADeathRaisesTheFlagAndRestartsOnce) {
  live(5min);
  fall_silent(10min);
  EXPECT_THAT(restarts_, ElementsAre(100h + 15min));
  EXPECT_THAT(events_, ElementsAre("died"));
  EXPECT_TRUE(target_.active);
  EXPECT_THAT(text_of(Event::died), HasSubstr("no sign of life for 10m"));
}

TEST_F(TargetTest, ThreeRestartsInVainAreTheLast) {
  live(1min);
  fall_silent(48h);
  EXPECT_EQ(restarts_.size(), 3u);
  EXPECT_THAT(events_, ElementsAre("died", "handed_off")) << "it is said once";
  EXPECT_TRUE(target_.handed_off);
  EXPECT_TRUE(target_.active);
}

TEST_F(TargetTest, ThePausesGrow) {
  rules_.after = 2min;
  rules_.pause = 8min;
  live(1min);
  fall_silent(3h);
  ASSERT_EQ(restarts_.size(), 3u);
  EXPECT_EQ(restarts_[1] - restarts_[0], 8min);
  EXPECT_EQ(restarts_[2] - restarts_[1], 16min);
}

TEST_F(TargetTest, TheyGrowBeyondTheWindowAsWell) {
  rules_.after = 2min;
  rules_.pause = 40min;
  rules_.window = 5min;
  live(1min);
  fall_silent(3h);
  ASSERT_EQ(restarts_.size(), 3u);
  EXPECT_EQ(restarts_[1] - restarts_[0], 40min);
  EXPECT_EQ(restarts_[2] - restarts_[1], 80min);
}

TEST_F(TargetTest, ByDefaultTheyGrowBeyondTheTimeOfADeath) {
  live(1min);
  fall_silent(3h);
  ASSERT_EQ(restarts_.size(), 3u);
  EXPECT_EQ(restarts_[1] - restarts_[0], 10min);
  EXPECT_EQ(restarts_[2] - restarts_[1], 20min);
}

TEST_F(TargetTest, AWiderWindowFindsTheRestartsThatItHolds) {
  rules_.window = 20min;
  live(1min);
  for (int death = 0; death < 3; ++death) {
    fall_silent(10min);
    live(40min);
  }
  ASSERT_EQ(restarts_.size(), 3u);
  rules_.window = 24h;
  fall_silent(10min);
  EXPECT_EQ(restarts_.size(), 3u);
  EXPECT_TRUE(target_.handed_off);
}

TEST_F(TargetTest, PausesLongerThanTheWindowDontMakeItEndless) {
  rules_.window = 5min;
  live(1min);
  fall_silent(100h);
  EXPECT_EQ(restarts_.size(), 3u);
  EXPECT_TRUE(target_.handed_off);
}

TEST_F(TargetTest, SignsThatGoOnLowerTheFlag) {
  live(1min);
  fall_silent(10min);
  live(30min);
  EXPECT_TRUE(target_.active) << "the first sign has proven nothing yet";
  live(1min);
  EXPECT_FALSE(target_.active);
  EXPECT_EQ(target_.tries, 0);
  EXPECT_THAT(events_, ElementsAre("died", "healthy"));
}

TEST_F(TargetTest, BeingYoungIsNoHealth) {
  rules_.after = 1h;
  rules_.healthy_after = 10min;
  live(1min);
  fall_silent(1h);
  ASSERT_EQ(restarts_.size(), 1u);
  fall_silent(59min);
  EXPECT_TRUE(target_.active);
  EXPECT_EQ(target_.tries, 1);
}

TEST_F(TargetTest, OneThatComesBackAndDiesAtOnceIsHandedOff) {
  live(1min);
  for (int i = 0; i < 40; ++i) {
    fall_silent(10min);
    live(3min);
  }
  EXPECT_EQ(restarts_.size(), 3u);
  EXPECT_TRUE(target_.handed_off);
}

TEST_F(TargetTest, OneThatIsWellInBetweenIsRestartedWithinItsWindowOnly) {
  rules_.window = 24h;
  live(1min);
  for (int i = 0; i < 10; ++i) {
    fall_silent(10min);
    live(1h);
    EXPECT_FALSE(target_.active);
  }
  EXPECT_EQ(restarts_.size(), 3u);
  EXPECT_TRUE(target_.handed_off);
}

TEST_F(TargetTest, HandsStayOffThoughItGetsWell) {
  live(1min);
  fall_silent(5h);
  live(10h);
  EXPECT_FALSE(target_.active) << "the flag is lowered by health";
  EXPECT_TRUE(target_.handed_off);
  fall_silent(5h);
  EXPECT_EQ(restarts_.size(), 3u);
  EXPECT_TRUE(target_.active);
  EXPECT_THAT(events_, ElementsAre("died", "handed_off", "healthy", "died"));
  EXPECT_THAT(text_of(Event::died), HasSubstr("hands are off"));
}

TEST_F(TargetTest, APersonsWordBeginsAnew) {
  live(1min);
  fall_silent(5h);
  clear(target_, "");
  EXPECT_FALSE(target_.active);
  fall_silent(9min);
  EXPECT_EQ(restarts_.size(), 3u) << "and gives it its time";
  fall_silent(5h);
  EXPECT_EQ(restarts_.size(), 6u);
}

TEST_F(TargetTest, RestartsOfAnEarlierBootCountOnFromWhatWasSeenToPass) {
  rules_.max_retries = 2;
  live(1min);
  fall_silent(10min);
  live(35min);
  fall_silent(10min);
  ASSERT_EQ(restarts_.size(), 2u);
  boot_ = "two";
  now_ = 1min;
  look(stamp());
  EXPECT_THAT(target_.restarts, ElementsAre(45min, 0min)) << "how long it was off, nobody can say";
  fall_silent(10min);
  EXPECT_EQ(restarts_.size(), 2u);
  EXPECT_TRUE(target_.handed_off);
}

TEST_F(TargetTest, OfAWindowsRestartsItMayHaveGotOverSome) {
  rules_.window = 3h;
  live(1min);
  for (int death = 0; death < 3; ++death) {
    fall_silent(10min);
    live(35min);
  }
  ASSERT_FALSE(target_.handed_off);
  fall_silent(10min);
  EXPECT_TRUE(target_.handed_off);
  EXPECT_THAT(text_of(Event::handed_off), HasSubstr("after 3 restarts within 3h"));
}

TEST_F(TargetTest, AHandOffSaysWhatWasNotEvenTaken) {
  live(1min);
  fall_silent(40min);
  target_.failed = 3;
  fall_silent(20min);
  EXPECT_THAT(text_of(Event::handed_off), HasSubstr("3 restarts, all of which failed"));
}

TEST_F(TargetTest, WithoutARestartItIsFlaggedAndTold) {
  rules_.restarts = false;
  live(1min);
  fall_silent(5h);
  EXPECT_THAT(restarts_, IsEmpty());
  EXPECT_THAT(events_, ElementsAre("died"));
  EXPECT_FALSE(target_.handed_off);
}

TEST_F(TargetTest, WhatCantBeWatchedIsToldOnceAndLeftAlone) {
  live(1min);
  for (int i = 0; i < 100; ++i) {
    now_ += 1min;
    look({Sign::Kind::untrusted, "it is a link"});
    EXPECT_EQ(target_.trouble_told, i >= 10) << "after a while, at " << i;
  }
  EXPECT_THAT(events_, ElementsAre("unwatchable"));
  EXPECT_THAT(text_of(Event::unwatchable), HasSubstr("it is a link"));
  look(stamp());
  EXPECT_THAT(events_, ElementsAre("unwatchable", "watchable"));
  EXPECT_THAT(restarts_, IsEmpty());
}

TEST_F(TargetTest, AfterAStopThatNeverEndedNoGoodNewsComesBeforeTheDeath) {
  live(1min);
  fall_silent(6min);
  for (int i = 0; i < 60; ++i) {
    now_ += 1min;
    look({Sign::Kind::at_work, "h.service is being stopped"});
  }
  fall_silent(10min);
  EXPECT_THAT(events_, ElementsAre("unwatchable", "died"));
  EXPECT_FALSE(target_.trouble_told);
}

TEST_F(TargetTest, OneThatGoesToAndFroIsNotToldEachTime) {
  live(1min);
  const auto go_to_and_fro = [&](Duration away, Duration time) {
    for (const auto end = now_ + time; now_ < end; live(1min))
      for (Duration passed{}; passed < away; passed += 1min) {
        now_ += 1min;
        look({Sign::Kind::untrusted, "it is a link, at " + std::to_string(now_.count())});
      }
  };
  go_to_and_fro(1min, 24h);
  EXPECT_THAT(events_, IsEmpty());
  go_to_and_fro(12min, 24h);
  EXPECT_THAT(events_.size(), AllOf(Ge(10u), Le(48u))) << "at most once in a window";
}

TEST_F(TargetTest, OneThatNeverLivesIsToldOnceAndLeftAlone) {
  for (int i = 0; i < 100; ++i) {
    now_ += 1min;
    look({Sign::Kind::missing, ""});
  }
  EXPECT_THAT(events_, ElementsAre("unwatchable"));
  EXPECT_THAT(text_of(Event::unwatchable), HasSubstr("no sign of life was ever seen"));
  live(1min);
  EXPECT_THAT(events_, ElementsAre("unwatchable", "watchable"));
  EXPECT_THAT(restarts_, IsEmpty());
}

TEST_F(TargetTest, WhatIsUntoldStaysSo) {
  live(1min);
  fall_silent(2h);
  for (int i = 0; i < 20; ++i) {
    now_ += 1min;
    look({Sign::Kind::untrusted, "it is a link"});
  }
  for (const auto event : {Event::died, Event::handed_off, Event::unwatchable})
    EXPECT_NE(target_.telling.find(event), nullptr) << name(event);
  live(1h);
  EXPECT_EQ(target_.telling.find(Event::died), nullptr);
  for (const auto event : {Event::healthy, Event::handed_off, Event::watchable})
    EXPECT_NE(target_.telling.find(event), nullptr) << name(event);
}

TEST_F(TargetTest, AnotherThingToWatchBeginsItsSilenceAnewAndNothingElse) {
  live(1min);
  fall_silent(10min);
  ASSERT_EQ(restarts_.size(), 1u);
  watch_another(target_, "/stamps/other");
  for (int i = 0; i < 60; ++i) {
    now_ += 1min;
    look({Sign::Kind::missing, ""});
  }
  EXPECT_EQ(restarts_.size(), 1u) << "the other was never seen alive";
  live(1min);
  fall_silent(3h);
  EXPECT_EQ(restarts_.size(), 3u) << "the first one counts";
}

TEST_F(TargetTest, AClearIsToldInsteadOfAllElse) {
  live(1min);
  fall_silent(5h);
  target_.intent = Intent{};
  clear(target_, "was cleared by ada");
  EXPECT_FALSE(target_.intent);
  ASSERT_EQ(target_.telling.open.size(), 1u);
  EXPECT_EQ(text_of(Event::cleared), "was cleared by ada");
}

TEST_F(TargetTest, WhatCantBeWatchedIsToldAnewAfterAClear) {
  target_.trouble = "a link";
  target_.trouble_told = true;
  target_.troubled = target_.trouble_pause = 1h;
  clear(target_, "");
  EXPECT_FALSE(target_.trouble_told) << "or status would go on saying so";
  EXPECT_EQ(target_.troubled, 0min);
  EXPECT_EQ(target_.trouble_pause, 0min);
}

TEST_F(TargetTest, OneWhosePastIsLostIsWatchedAndNotRestarted) {
  target_ = target_of_unknown_past("lost");
  live(1min);
  fall_silent(5h);
  EXPECT_THAT(restarts_, IsEmpty());
  clear(target_, "");
  fall_silent(10min);
  EXPECT_EQ(restarts_.size(), 1u);
}

}  // namespace
}  // namespace host::deadman
