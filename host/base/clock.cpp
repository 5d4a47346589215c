// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace host {
namespace {

Duration read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) +
         std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(now.tv_nsec));
}

struct Unit {
  std::string_view name;
  Duration length;
};

using namespace std::chrono_literals;
constexpr std::array<Unit, 5> kUnits{{{"d", 24h}, {"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}}};

}  // namespace

WallTime SystemClock::wall() const { return WallTime(read_clock(CLOCK_REALTIME)); }
MonotonicTime SystemClock::monotonic() const { return MonotonicTime(read_clock(CLOCK_MONOTONIC)); }
Duration SystemClock::boot() const { return read_clock(CLOCK_BOOTTIME); }

std::string format_utc(WallTime time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = (time - whole).count();
  const std::time_t seconds = whole.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 80> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string out(text.data(), length);
  if (micros != 0) {
    std::snprintf(text.data(), text.size(), ".%06lld", static_cast<long long>(micros));
    out += text.data();
  }
  return out + "Z";
}

namespace {

// Takes the fraction of a second out of "2026-11-23T14:05:00.25Z". More than microseconds are cut.
Duration take_fraction(std::string& text) {
  const auto dot = text.find('.');
  if (dot == std::string::npos || dot < 8 || text.back() != 'Z' || text[dot - 3] != ':' ||
      text[dot - 6] != ':')
    return {};
  const auto digits = text.substr(dot + 1, text.size() - dot - 2);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return {};
  text.erase(dot, digits.size() + 1);
  return Duration(std::stoll((digits + "000000").substr(0, 6)));
}

}  // namespace

WallTime parse_utc(std::string_view text) {
  std::string copy(text);
  const Duration fraction = take_fraction(copy);
  for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(copy.c_str(), form, &parts);
    if (end == nullptr || *end != '\0' || end != copy.c_str() + copy.size()) continue;
    const std::tm read = parts;
    const std::time_t seconds = ::timegm(&parts);
    // timegm takes 30 February for 2 March.
    if (parts.tm_mday == read.tm_mday && parts.tm_mon == read.tm_mon && parts.tm_sec == read.tm_sec)
      return WallTime(std::chrono::seconds(seconds)) + fraction;
  }
  throw Error(Code::invalid, "\"" + std::string(text) + "\" is not a time",
              "Write it in UTC, such as 2026-11-23T14:05:00Z or 2026-11-23.");
}

Duration parse_duration(std::string_view text) {
  const auto refuse = [&] {
    return Error(Code::invalid, "\"" + std::string(text) + "\" is not a duration",
                 "Write a number and a unit, such as 90s, 15m or 1h30m (units: ms, s, m, h, d).");
  };
  Duration total{};
  std::string_view rest = text;
  while (!rest.empty()) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (failed != std::errc{} || number < 0) throw refuse();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto letters = std::min(rest.find_first_of("0123456789"), rest.size());
    const auto name = rest.substr(0, letters);
    const Unit* unit = nullptr;
    for (const auto& candidate : kUnits)
      if (candidate.name == name) unit = &candidate;
    if (unit == nullptr) throw refuse();
    if (number > (Duration::max() - total) / unit->length) throw refuse();
    total += number * unit->length;
    rest.remove_prefix(letters);
  }
  if (total <= Duration::zero()) throw refuse();
  return total;
}

std::string format_duration(Duration duration) {
  if (duration < 1ms) return std::to_string(duration.count()) + "us";
  std::string out;
  for (const auto& unit : kUnits) {
    const auto count = duration / unit.length;
    if (count == 0) continue;
    out += std::to_string(count) + std::string(unit.name);
    duration -= count * unit.length;
  }
  return out;
}

}  // namespace host
