// SPDX-License-Identifier: Apache-2.0
#include "schedule/schedule.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr WallTime kStart{};
constexpr WallTime kEnd{
    std::chrono::sys_days{(kLastYear + std::chrono::years(1)) / std::chrono::January / 1}};
constexpr Duration kShortest = seconds(1);
constexpr Duration kLongest = days(366);

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Duration read_interval(std::string_view text) {
  const auto length = parse_duration(trimmed(text));
  if (length < kShortest || length > kLongest)
    throw Error(Code::invalid,
                "the interval of \"every: " + std::string(trimmed(text)) +
                    "\" is out of range, expected 1s to 366d",
                "For work that never pauses, let the task loop by itself.");
  return length;
}

}  // namespace

Schedule::Schedule(std::string text, Zone zone, std::variant<Cron, Duration> rule)
    : text_(std::move(text)), zone_(std::move(zone)), rule_(rule) {}

Schedule Schedule::parse(std::string_view text, const Zone& zone) {
  constexpr std::string_view kEvery = "every:";
  const std::string_view whole = trimmed(text);
  if (whole.starts_with(kEvery))
    return Schedule(std::string(whole), zone, read_interval(whole.substr(kEvery.size())));
  // Columns count from where the writer's text begins.
  Schedule schedule(std::string(whole), zone, Cron::parse(text));
  if (!schedule.next(kStart + days(365 * 50)))
    throw Error(Code::invalid,
                "cron expression \"" + schedule.text() + "\" never fires in " + zone.name() +
                    ": its times are always skipped when the clocks change",
                "Choose another time of day, or write it as a fixed time.");
  return schedule;
}

std::optional<WallTime> Schedule::next(WallTime after) const {
  after = std::max(after, kStart - Duration(1));
  if (after >= kEnd) return std::nullopt;
  std::optional<WallTime> found;
  if (const auto* interval = std::get_if<Duration>(&rule_)) {
    // kStart - 1 us counts as its own period, so that kStart itself is due.
    const auto periods = after < kStart ? -1 : after.time_since_epoch() / *interval;
    found = WallTime((periods + 1) * *interval);
  } else {
    const Cron& cron = std::get<Cron>(rule_);
    found = cron.repeats_within_day() ? next_elapsed(cron, after) : next_fixed(cron, after);
  }
  if (found >= kEnd) return std::nullopt;
  return found;
}

// From one reading to the next the instants never go back: a skipped reading stands for the jump, a
// repeated one for its first copy. So the first reading with an instant after `after` is it.
std::optional<WallTime> Schedule::next_fixed(const Cron& cron, WallTime after) const {
  auto reading = cron.at_or_after(std::chrono::floor<minutes>(zone_.local(after)));
  while (reading) {
    const WallTime instant = zone_.instants(*reading).first;
    if (instant > after) return instant;
    reading = cron.at_or_after(*reading + minutes(1));
  }
  return std::nullopt;
}

// Between two changes of the clocks, readings and instants run in step.
std::optional<WallTime> Schedule::next_elapsed(const Cron& cron, WallTime after) const {
  WallTime from = std::chrono::floor<seconds>(after) + seconds(1);
  while (from < kEnd) {
    const LocalTime reading = zone_.local(from);
    const auto found = cron.at_or_after(std::chrono::ceil<minutes>(reading));
    if (!found) return std::nullopt;
    const WallTime instant = from + (*found - reading);
    const auto change = zone_.next_change(from);
    if (!change || instant < *change) return instant;
    from = *change;
  }
  return std::nullopt;
}

std::vector<WallTime> Schedule::latest(WallTime after, WallTime until, std::size_t limit) const {
  std::vector<WallTime> found;
  if (limit == 0 || until <= after) return found;
  // Looks back twice as far each time, until enough are found or the whole span was seen.
  for (Duration back = minutes(1);; back *= 2) {
    const bool whole = until - after <= back;
    const WallTime from = whole ? after : until - back;
    found.clear();
    for (auto tick = next(from); tick && *tick <= until; tick = next(*tick)) found.push_back(*tick);
    if (whole || found.size() >= limit) break;
  }
  if (found.size() > limit) found.erase(found.begin(), found.end() - static_cast<long>(limit));
  return found;
}

}  // namespace host
