// SPDX-License-Identifier: Apache-2.0
#include "deadman/telling.hpp"

#include <gmock/gmock.h>

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;

std::vector<Event> open(const Telling& telling) {
  std::vector<Event> events;
  for (const auto& each : telling.open) events.push_back(each.event);
  return events;
}

// When somebody is told, a look each minute.
std::vector<Duration> goes_of(Telling& telling, Duration time) {
  std::vector<Duration> goes;
  for (Duration at{}; at < time; at += 1min) {
    if (telling.is_due()) {
      telling.begin();
      goes.push_back(at);
    }
    telling.pass(1min);
  }
  return goes;
}

TEST(Telling, OnlyWhatIsAboutTheSameTakesAnothersPlace) {
  Telling telling;
  telling.raise(Event::died, "1");
  telling.raise(Event::unwatchable, "2");
  telling.raise(Event::handed_off, "3");
  telling.raise(Event::state_lost, "4");
  EXPECT_THAT(open(telling),
              ElementsAre(Event::died, Event::unwatchable, Event::handed_off, Event::state_lost));
  telling.raise(Event::healthy, "5");
  telling.raise(Event::watchable, "6");
  EXPECT_THAT(open(telling),
              ElementsAre(Event::handed_off, Event::state_lost, Event::healthy, Event::watchable));
}

TEST(Telling, StaysBoundedWhateverIsRaised) {
  Telling telling;
  for (int i = 0; i < 1000; ++i) telling.raise(static_cast<Event>(i % 12), "again");
  EXPECT_THAT(telling.open.size(), Le(10u));
}

TEST(Telling, ThePausesGrowToAnHour) {
  Telling telling;
  telling.raise(Event::died, "dead");
  EXPECT_THAT(goes_of(telling, 5h),
              ElementsAre(0min, 1min, 3min, 7min, 15min, 31min, 63min, 123min, 183min, 243min));
}

TEST(Telling, TheyAreForgottenAfterAQuietTime) {
  Telling telling;
  telling.raise(Event::died, "dead");
  (void)goes_of(telling, 10h);
  telling.pass(8h);
  EXPECT_THAT(goes_of(telling, 3min), ElementsAre(0min, 1min));
}

TEST(Telling, NobodyIsToldOfNothing) {
  Telling telling;
  EXPECT_THAT(goes_of(telling, 10h), IsEmpty());
}

TEST(Telling, AFailureIsRecordedFirstAndThenOnceInADay) {
  Telling telling;
  telling.raise(Event::died, "dead");
  int recorded = 0;
  for (int go = 0; go < 72; ++go) recorded += telling.failed(WallTime(1s * (go + 1)));
  EXPECT_EQ(recorded, 3);
  EXPECT_EQ(telling.failing_since, WallTime(1s));
  telling.told();
  EXPECT_EQ(telling.failures, 0);
  EXPECT_THAT(telling.open, IsEmpty());
}

TEST(Telling, WithoutNewsIsWhatHolds) {
  Telling telling;
  for (const auto event : {Event::healthy, Event::handed_off, Event::cleared, Event::watchable})
    telling.raise(event, "");
  telling.drop_news();
  EXPECT_THAT(open(telling), ElementsAre(Event::handed_off));
}

}  // namespace
}  // namespace host::deadman
