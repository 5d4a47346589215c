// SPDX-License-Identifier: Apache-2.0
#include "tokens/day.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {
namespace {

using CctzInstant = cctz::time_point<cctz::seconds>;
constexpr cctz::civil_day kEpoch(1970, 1, 1);

// cctz would also open an absolute path, "file:" and its own "Fixed/" names.
bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '/' || name.back() == '/') return false;
  if (name.find("..") != name.npos || name.find("//") != name.npos) return false;
  for (const std::string_view prefix : {"posix/", "right/", "Fixed/"})
    if (name.starts_with(prefix)) return false;
  if (name == "localtime" || name == "posixrules" || name == "Factory") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
}

}  // namespace

BudgetZone::BudgetZone() : BudgetZone(cctz::utc_time_zone()) {}

BudgetZone::BudgetZone(const cctz::time_zone& rules)
    : rules_(std::make_shared<const cctz::time_zone>(rules)) {}

BudgetZone BudgetZone::load(const std::string& name) {
  cctz::time_zone rules;
  if (!is_zone_name(name) || !cctz::load_time_zone(name, &rules))
    throw Error(Code::invalid,
                fmt::format("\"{}\" is no time zone of this machine", name.substr(0, 80)),
                "Write an IANA name such as Europe/Berlin (upper and lower case count), or UTC.");
  return BudgetZone(rules);
}

std::int64_t BudgetZone::day_of(WallTime instant) const {
  const auto whole = std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch().count();
  return cctz::civil_day(cctz::convert(CctzInstant(cctz::seconds(whole)), *rules_)) - kEpoch;
}

WallTime BudgetZone::end_of(std::int64_t day) const {
  // The first instant: where clocks were put back over midnight, the earlier one; where they
  // jumped over it, the jump.
  const auto instant = cctz::convert(cctz::civil_second(kEpoch + day + 1), *rules_);
  return WallTime(std::chrono::seconds(instant.time_since_epoch().count()));
}

std::string day_text(std::int64_t day) {
  const auto civil = kEpoch + day;
  return fmt::format("{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day());
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
