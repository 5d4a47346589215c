// SPDX-License-Identifier: Apache-2.0
#include "deadman/standing.hpp"

#include <gmock/gmock.h>

#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class StandingTest : public ::testing::Test {
 protected:
  [[nodiscard]] Standing of_hermes(Duration up = 1h, bool dry_run = false) const {
    auto settings = hermes_settings();
    settings.dry_run = dry_run;
    return standings(settings, state_, {"one", up}).at(0);
  }
  [[nodiscard]] Target& target() { return state_.target(hermes_settings().watches[0]); }
  void looked_at() { target().silence = {{"one", 59min}, "mark", false, true, 3min}; }

  State state_;
};

TEST_F(StandingTest, OneThatNobodyLookedAtYetIsUnseen) {
  EXPECT_EQ(of_hermes().state, "unseen");
  looked_at();
  EXPECT_EQ(of_hermes().state, "alive");
}

TEST_F(StandingTest, OneThatNobodyLooksAtAfterABootIsSoonUnlooked) {
  looked_at();
  target().silence.looked.boot = "zero";
  EXPECT_EQ(of_hermes(4min).state, "unseen");
  EXPECT_EQ(of_hermes(6min).state, "unlooked");
  EXPECT_THAT(of_hermes(6min).text, HasSubstr("nobody has looked in this boot"));
  EXPECT_TRUE(needs_a_person(of_hermes(6min)));
}

TEST_F(StandingTest, TheWayFromDeathToHealthShows) {
  looked_at();
  target().silence.silent = 10min;
  EXPECT_EQ(of_hermes().state, "silent");
  target().active = true;
  target().tries = 1;
  target().silence.silent = 0min;
  EXPECT_EQ(of_hermes().state, "restarted");
  target().beats = true;
  EXPECT_EQ(of_hermes().state, "recovering");
  target().active = false;
  EXPECT_EQ(of_hermes().state, "alive");
}

TEST_F(StandingTest, WhatAPersonIsToDoIsSaid) {
  looked_at();
  target().handed_off = true;
  EXPECT_EQ(of_hermes().text, "hands off until: timmy-host deadman clear hermes");
  EXPECT_EQ(of_hermes(1h, true).text, "hands off until: timmy-host deadman clear hermes --dry-run")
      << "without, what is no dry run would be cleared";
  target().trouble = "/s is a symbolic link";
  EXPECT_THAT(of_hermes().text, HasSubstr("/s is a symbolic link"));
  EXPECT_EQ(of_hermes().state, "alive") << "not as soon as it is seen";
  target().trouble_told = true;
  EXPECT_EQ(of_hermes().state, "unwatchable");
}

TEST_F(StandingTest, OneThatNeverLivedIsWaitedForAWhile) {
  looked_at();
  target().silence.ever = false;
  target().trouble = "no sign of life was ever seen";
  EXPECT_EQ(of_hermes().state, "waiting");
  EXPECT_THAT(of_hermes().text, HasSubstr("no sign of life was ever seen"));
  EXPECT_FALSE(needs_a_person(of_hermes()));
  target().trouble_told = true;
  EXPECT_EQ(of_hermes().state, "unwatchable");
  EXPECT_TRUE(needs_a_person(of_hermes()));
}

TEST_F(StandingTest, ALookerThatStaysAwayIsSaid) {
  looked_at();
  EXPECT_EQ(of_hermes().last_look, 1min);
  EXPECT_FALSE(needs_a_person(of_hermes()));
  target().silence.looked.at = 50min;
  EXPECT_EQ(of_hermes().state, "unlooked");
  EXPECT_TRUE(needs_a_person(of_hermes()));
  EXPECT_THAT(of_hermes().text, HasSubstr("nobody has looked for 10m"));
}

TEST_F(StandingTest, SinceWhenNobodyCouldBeToldIsSaid) {
  looked_at();
  EXPECT_FALSE(of_hermes().untold_since);
  target().telling.failures = 1;
  target().telling.failing_since = WallTime(5s);
  EXPECT_TRUE(needs_a_person(of_hermes()));
  EXPECT_THAT(of_hermes().text, HasSubstr("nobody could be told since 1970-01-01T00:00:05Z"));
  EXPECT_EQ(to_json(of_hermes())["untold_since"], "1970-01-01T00:00:05Z");
}

}  // namespace
}  // namespace host::deadman
