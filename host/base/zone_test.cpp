// SPDX-License-Identifier: Apache-2.0
#include "base/zone.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;
using std::chrono::sys_days;
using std::chrono::year;
using Kind = Zone::Instants::Kind;

Code refusal(std::string_view name) {
  try {
    (void)Zone::load(name);
  } catch (const Error& error) {
    return error.code();
  }
  return Code::internal;
}

TEST(Zone, OnlyNamesOfTheDatabaseAreAccepted) {
  EXPECT_EQ(Zone().name(), "UTC");
  for (const auto* name : {"UTC", "Europe/Berlin", "Etc/GMT+5", "America/Argentina/Ushuaia"})
    EXPECT_EQ(Zone::load(name).name(), name);
  for (const auto* name : {"Europe/Atlantis", "europe/berlin", "CEST", "UTC+2"})
    EXPECT_EQ(refusal(name), Code::not_found) << name;
  for (const auto* name : {"", "/etc/passwd", "/usr/share/zoneinfo/UTC", "../../../etc/passwd",
                           "Europe/", "file:Europe/Berlin", "Fixed/UTC+01:00:00", "localtime",
                           "posix/Europe/Berlin", "right/Europe/Berlin", "Europe/Berlin\n"})
    EXPECT_EQ(refusal(name), Code::invalid) << name;
}

TEST(Zone, AReadingMayStandForOneInstantTwoOrNone) {
  const Zone berlin = Zone::load("Europe/Berlin");
  const LocalTime noon = local_days(year(2026) / 7 / 1) + 12h;
  EXPECT_EQ(berlin.instants(noon).kind, Kind::unique);
  EXPECT_EQ(berlin.instants(noon).first, WallTime(sys_days(year(2026) / 7 / 1) + 10h));
  EXPECT_EQ(berlin.local(berlin.instants(noon).first + 999999us), noon);

  const auto skipped = berlin.instants(local_days(year(2026) / 3 / 29) + 2h + 30min);
  EXPECT_EQ(skipped.kind, Kind::skipped);
  EXPECT_EQ(skipped.first, WallTime(sys_days(year(2026) / 3 / 29) + 1h));

  const auto repeated = berlin.instants(local_days(year(2026) / 10 / 25) + 2h + 30min);
  EXPECT_EQ(repeated.kind, Kind::repeated);
  EXPECT_EQ(repeated.first, WallTime(sys_days(year(2026) / 10 / 25) + 30min));
  EXPECT_EQ(repeated.second - repeated.first, 1h);
}

TEST(Zone, AnInstantIsShownWithItsDistanceFromUtc) {
  const WallTime spring{sys_days(year(2026) / 3 / 29) + 1h};
  EXPECT_EQ(format_local(spring, Zone::load("Europe/Berlin")), "2026-03-29T03:00:00+02:00");
  EXPECT_EQ(format_local(spring, Zone::load("America/St_Johns")), "2026-03-28T22:30:00-02:30");
  EXPECT_EQ(format_local(spring + 1ms, Zone()), "2026-03-29T01:00:00+00:00");
}

TEST(Zone, TheMachinesZoneIsTheEnvironmentsIfItNamesOne) {
  ::setenv("TZ", ":Australia/Lord_Howe", 1);
  EXPECT_EQ(machine_zone_name(), "Australia/Lord_Howe");
  ::setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
  EXPECT_EQ(machine_zone_name(), "UTC");
  ::unsetenv("TZ");
  EXPECT_NO_THROW(static_cast<void>(Zone::load(machine_zone_name())));
}

TEST(Zone, TheNextChangeIsStrictlyAfter) {
  const Zone berlin = Zone::load("Europe/Berlin");
  const WallTime spring{sys_days(year(2026) / 3 / 29) + 1h};
  const WallTime autumn{sys_days(year(2026) / 10 / 25) + 1h};
  EXPECT_EQ(berlin.next_change(spring - 1s), spring);
  EXPECT_EQ(berlin.next_change(spring), autumn);
  EXPECT_EQ(Zone().next_change(spring), std::nullopt);
  // Rules beyond the table in the file: the clocks still change in 2298.
  EXPECT_TRUE(berlin.next_change(WallTime(sys_days(year(2298) / 1 / 1))).has_value());
}

}  // namespace
}  // namespace host
