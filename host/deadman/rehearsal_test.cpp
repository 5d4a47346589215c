// SPDX-License-Identifier: Apache-2.0
#include "deadman/rehearsal.hpp"

#include <gmock/gmock.h>

#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> events_of(const Settings& settings) {
  std::vector<std::string> events;
  for (const auto& each : rehearse_death(settings, settings.watches[0]))
    events.emplace_back(name(each.record.event));
  return events;
}

TEST(Rehearsal, ShowsADeathFromItsFirstMinuteToTheHandOff) {
  const auto settings = hermes_settings();
  EXPECT_THAT(events_of(settings),
              ElementsAre("died", "restarting", "restarting", "restarting", "handed_off"));
  const auto all = rehearse_death(settings, settings.watches[0]);
  EXPECT_EQ(all[0].after, 10min);
  EXPECT_EQ(all[2].after, 20min);
  EXPECT_EQ(all[1].record.evidence["command"].back(), "h.service");
}

TEST(Rehearsal, EndsAlsoWithoutARestartAndWithTheLongestPauses) {
  auto settings = hermes_settings();
  settings.watches[0].rules.pause = 24h * 7;
  settings.watches[0].rules.max_retries = 10;
  settings.watches[0].rules.after = 1s;
  EXPECT_EQ(events_of(settings).size(), 12u);
  settings.watches[0].rules.restarts = false;
  settings.watches[0].restart.reset();
  EXPECT_THAT(events_of(settings), ElementsAre("died"));
}

TEST(Rehearsal, SaysWhatStandsInTheWayHere) {
  auto settings = hermes_settings();
  settings.watches[0].restart = Restart{.command = {"/no/such/program"}};
  const auto lacks = shortcomings(settings, settings.watches[0],
                                  Sign{Sign::Kind::untrusted, "/s is a symbolic link"});
  EXPECT_THAT(lacks, Contains(HasSubstr("/s is a symbolic link")));
  EXPECT_THAT(lacks, Contains("/no/such/program can't be run here"));
  EXPECT_THAT(lacks, Contains("/alert can't be run here"));
  settings.alert.clear();
  settings.watches[0].restart.reset();
  EXPECT_THAT(shortcomings(settings, settings.watches[0], Sign{Sign::Kind::there, "m"}),
              ElementsAre(HasSubstr("only be flagged"), HasSubstr("nobody would be told")));
  EXPECT_EQ(shortcomings(settings, settings.watches[0], std::nullopt).size(), 2u)
      << "what only a running host sees is no shortcoming";
}

}  // namespace
}  // namespace host::deadman
