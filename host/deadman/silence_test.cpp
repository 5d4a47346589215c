// SPDX-License-Identifier: Apache-2.0
#include "deadman/silence.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using Life = Sight::Life;

constexpr Duration kAfter = 10min;

Sign there(const std::string& mark) { return {Sign::Kind::there, mark}; }
const Sign kMissing{Sign::Kind::missing, ""};
const Sign kUntrusted{Sign::Kind::untrusted, "it is a link"};

struct Look {
  Duration at;
  Sign sign;
  Life expected;
  std::string boot = "one";
};

struct Story {
  std::string name;
  std::vector<Look> looks;
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

class SilenceStory : public ::testing::TestWithParam<Story> {};

TEST_P(SilenceStory, IsJudgedSo) {
  Silence silence;
  int number = 0;
  for (const auto& look : GetParam().looks) {
    const auto sight = silence.look(look.sign, {look.boot, look.at}, kAfter);
    EXPECT_EQ(sight.life, look.expected) << "look " << number;
    ++number;
  }
}

const Story kStories[] = {
    {"ALivingOneIsAlive",
     {{0min, there("a"), Life::alive},
      {4min, there("b"), Life::alive},
      {8min, there("c"), Life::alive},
      {30min, there("d"), Life::alive}}},
    {"ASilentOneIsDeadAfterItsTime",
     {{0min, there("a"), Life::alive},
      {5min, there("a"), Life::alive},
      {9min + 59s, there("a"), Life::alive},
      {10min, there("a"), Life::silent},
      {11min, there("b"), Life::alive}}},
    {"AFirstSightNeverKillsHoweverOldTheStamp", {{1000h, there("old"), Life::alive}}},
    {"NeitherDoesOneLookAfterAPauseOfTheLooker",
     {{0min, there("a"), Life::alive},
      {2h, there("a"), Life::alive},
      {2h + 1min, there("a"), Life::alive},
      {2h + 5min, there("a"), Life::silent}}},
    {"LooksThatAreFartherApartThanTheTimeStillFindADeath",
     {{0min, there("a"), Life::alive},
      {1h, there("a"), Life::alive},
      {2h, there("a"), Life::silent}}},
    {"ANewBootBeginsAnew",
     {{0min, there("a"), Life::alive},
      {5min, there("a"), Life::alive},
      {9min, there("a"), Life::alive},
      {1min, there("a"), Life::alive, "two"},
      {6min, there("a"), Life::alive, "two"},
      {10min, there("a"), Life::alive, "two"},
      {11min, there("a"), Life::silent, "two"}}},
    {"SoDoesAClockThatFellBackAsAfterASnapshot",
     {{50h, there("a"), Life::alive},
      {50h + 5min, there("a"), Life::alive},
      {50h + 9min, there("a"), Life::alive},
      {49h, there("a"), Life::alive},
      {49h + 5min, there("a"), Life::alive},
      {49h + 10min, there("a"), Life::silent}}},
    {"ABootWithoutANameIsAlwaysAnother",
     {{0min, there("a"), Life::alive, ""},
      {5min, there("a"), Life::alive, ""},
      {10min, there("a"), Life::alive, ""},
      {15min, there("a"), Life::alive, ""}}},
    {"WhatNeverLivedIsWaitedFor",
     {{0min, kMissing, Life::waiting},
      {5min, kMissing, Life::waiting},
      {60min, kMissing, Life::waiting},
      {61min, there("a"), Life::alive}}},
    {"WhatGoesAwayIsDeadAfterItsTime",
     {{0min, there("a"), Life::alive},
      {5min, there("a"), Life::alive},
      {9min, kMissing, Life::alive},
      {14min, kMissing, Life::alive},
      {19min, kMissing, Life::silent}}},
    {"ToComeBackAsItWasAndGoAgainIsNoChange",
     {{0min, there("a"), Life::alive},
      {2min, kMissing, Life::alive},
      {4min, there("a"), Life::alive},
      {6min, kMissing, Life::alive},
      {8min, there("a"), Life::alive},
      {10min, kMissing, Life::alive},
      {12min, there("a"), Life::silent},
      {13min, there("b"), Life::alive},
      {14min, kMissing, Life::alive}}},
    {"WhatLivedInAnEarlierBootAndDoesNotComeIsDead",
     {{0min, there("a"), Life::alive},
      {0min, kMissing, Life::alive, "two"},
      {5min, kMissing, Life::alive, "two"},
      {10min, kMissing, Life::silent, "two"}}},
    {"WhatCantBeBelievedIsNeitherAliveNorDead",
     {{0min, there("a"), Life::alive},
      {5min, there("a"), Life::alive},
      {9min, kUntrusted, Life::unsure},
      {30min, kUntrusted, Life::unsure},
      {31min, there("a"), Life::alive},
      {36min, there("a"), Life::silent}}},
    {"ANewBootBeginsAnewAlsoIfItsFirstLookSawNothing",
     {{0min, there("a"), Life::alive},
      {5min, there("a"), Life::alive},
      {9min, there("a"), Life::alive},
      {1min, kUntrusted, Life::unsure, "two"},
      {6min, there("a"), Life::alive, "two"},
      {11min, there("a"), Life::silent, "two"}}},
};

INSTANTIATE_TEST_SUITE_P(Silence, SilenceStory, ::testing::ValuesIn(kStories),
                         [](const auto& each) { return each.param.name; });

TEST(Silence, KnowsThatALookWasOvertaken) {
  Silence silence;
  EXPECT_FALSE(silence.may_have_later_than({"one", 1min})) << "nobody has judged yet";
  silence.look(there("b"), {"one", 4min}, kAfter);
  EXPECT_TRUE(silence.may_have_later_than({"one", 3min}));
  EXPECT_TRUE(silence.may_have_later_than({"one", 4min})) << "nobody knows which came first";
  EXPECT_FALSE(silence.may_have_later_than({"one", 5min}));
  EXPECT_FALSE(silence.may_have_later_than({"two", 3min})) << "that is another boot's clock";
}

TEST(Silence, TellsHowLongAfterTheOneBeforeASignCame) {
  Silence silence;
  EXPECT_FALSE(silence.look(there("a"), {"one", 0min}, kAfter).beat) << "it may be an old one";
  EXPECT_FALSE(silence.look(there("a"), {"one", 3min}, kAfter).beat);
  const auto sight = silence.look(there("b"), {"one", 4min}, kAfter);
  EXPECT_TRUE(sight.beat);
  EXPECT_EQ(sight.since, 4min);
  EXPECT_FALSE(silence.look(kMissing, {"one", 5min}, kAfter).beat);
}

}  // namespace
}  // namespace host::deadman
