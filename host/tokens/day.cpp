// SPDX-License-Identifier: Apache-2.0
#include "tokens/day.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {

BudgetZone BudgetZone::load(const std::string& name) {
  BudgetZone zone;
  try {
    zone.zone_ = Zone::load(name);
  } catch (const Error&) {
    throw Error(Code::invalid,
                fmt::format("\"{}\" is no time zone of this machine", name.substr(0, 80)),
                "Write an IANA name such as Europe/Berlin (upper and lower case count), or UTC.");
  }
  return zone;
}

std::int64_t BudgetZone::day_of(WallTime instant) const {
  return std::chrono::floor<std::chrono::days>(zone_.local(instant)).time_since_epoch().count();
}

WallTime BudgetZone::end_of(std::int64_t day) const {
  // The first instant: where clocks were put back over midnight, the earlier one; where they
  // jumped over it, the jump.
  return zone_.instants(LocalTime(std::chrono::days(day + 1))).first;
}

std::string day_text(std::int64_t day) {
  return format_utc(WallTime(std::chrono::days(day))).substr(0, 10);
}

std::string to_text(const DayAnchor& anchor) {
  return to_text(Json{{"boot", anchor.boot},
                      {"wall", anchor.wall.time_since_epoch().count()},
                      {"boot_time", anchor.boot_time.count()},
                      {"day", anchor.day}});
}

std::optional<DayAnchor> parse_day_anchor(std::string_view text) {
  try {
    const Json json = parse_json(text, "the day's anchor");
    return DayAnchor{
        json.at("boot").get<std::string>(), WallTime(Duration(json.at("wall").get<std::int64_t>())),
        Duration(json.at("boot_time").get<std::int64_t>()), json.at("day").get<std::int64_t>()};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

DayClock::DayClock(const Clock& clock, std::string boot, const std::optional<DayAnchor>& kept)
    : clock_(&clock),
      anchor_{std::move(boot), clock.wall(), clock.boot(),
              std::numeric_limits<std::int64_t>::min()} {
  if (!kept) return;
  // A machine that was put back to a snapshot of itself has the same boot at an earlier time.
  if (!anchor_.boot.empty() && kept->boot == anchor_.boot && kept->boot_time <= clock.boot())
    anchor_ = *kept;
  anchor_.day = kept->day;
}

std::int64_t DayClock::today() {
  anchor_.day = std::max(anchor_.day, zone_.day_of(now()));
  return anchor_.day;
}

WallTime DayClock::now() const { return anchor_.wall + (clock_->boot() - anchor_.boot_time); }

void DayClock::accept() {
  anchor_.wall = clock_->wall();
  anchor_.boot_time = clock_->boot();
  anchor_.day = zone_.day_of(anchor_.wall);
}

}  // namespace host
