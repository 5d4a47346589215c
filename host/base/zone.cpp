// SPDX-License-Identifier: Apache-2.0
#include "base/zone.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

using std::chrono::seconds;
using CctzInstant = cctz::time_point<cctz::seconds>;

CctzInstant to_cctz(WallTime instant) {
  return CctzInstant(
      cctz::seconds(std::chrono::floor<seconds>(instant).time_since_epoch().count()));
}

WallTime from_cctz(CctzInstant instant) {
  return WallTime(seconds(instant.time_since_epoch().count()));
}

constexpr cctz::civil_second kEpoch(1970, 1, 1, 0, 0, 0);

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

Zone::Zone() : Zone("UTC", cctz::utc_time_zone()) {}

Zone::Zone(std::string name, const cctz::time_zone& rules)
    : name_(std::move(name)), rules_(std::make_shared<const cctz::time_zone>(rules)) {}

Zone Zone::load(std::string_view name) {
  const std::string quoted = "\"" + std::string(name.substr(0, 80)) + "\"";
  if (!is_zone_name(name))
    throw Error(Code::invalid, quoted + " is not the name of a time zone",
                "Write an IANA name such as Europe/Berlin, or UTC.");
  cctz::time_zone rules;
  if (!cctz::load_time_zone(std::string(name), &rules))
    throw Error(Code::not_found, "no time zone " + quoted + " on this machine",
                "Write an IANA name as `timedatectl list-timezones` shows it (upper and lower case "
                "count), or install tzdata.");
  return Zone(std::string(name), rules);
}

LocalTime Zone::local(WallTime instant) const {
  return LocalTime(seconds(cctz::convert(to_cctz(instant), *rules_) - kEpoch));
}

Zone::Instants Zone::instants(LocalTime reading) const {
  const auto found = rules_->lookup(kEpoch + reading.time_since_epoch().count());
  using Lookup = cctz::time_zone::civil_lookup;
  switch (found.kind) {
    case Lookup::SKIPPED:
      return {Instants::Kind::skipped, from_cctz(found.trans), from_cctz(found.trans)};
    case Lookup::REPEATED:
      return {Instants::Kind::repeated, from_cctz(found.pre), from_cctz(found.post)};
    case Lookup::UNIQUE: break;
  }
  return {Instants::Kind::unique, from_cctz(found.pre), from_cctz(found.pre)};
}

std::optional<WallTime> Zone::next_change(WallTime instant) const {
  cctz::time_zone::civil_transition change;
  if (!rules_->next_transition(to_cctz(instant), &change)) return std::nullopt;
  return from_cctz(rules_->lookup(change.to).trans);
}

std::string format_local(WallTime instant, const Zone& zone) {
  const WallTime whole = std::chrono::floor<seconds>(instant);
  const WallTime shown(zone.local(whole).time_since_epoch());
  const auto offset = std::chrono::duration_cast<std::chrono::minutes>(shown - whole);
  const auto distance = std::chrono::abs(offset).count();
  std::string text = format_utc(shown);
  text.pop_back();
  return text +
         fmt::format("{}{:02}:{:02}", shown < whole ? '-' : '+', distance / 60, distance % 60);
}

std::string machine_zone_name() {
  std::string name;
  if (const char* variable = std::getenv("TZ")) name = variable;
  if (name.starts_with(':')) name.erase(0, 1);
  if (name.empty()) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink("/etc/localtime", ignored).string();
    constexpr std::string_view kFolder = "zoneinfo/";
    if (const auto at = target.rfind(kFolder); at != target.npos)
      name = target.substr(at + kFolder.size());
  }
  cctz::time_zone rules;
  return is_zone_name(name) && cctz::load_time_zone(name, &rules) ? name : "UTC";
}

}  // namespace host
