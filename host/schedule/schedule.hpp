// SPDX-License-Identifier: Apache-2.0
//
// A schedule: the instants at which a task is due.
//
//   "*/10 8-17 * * MON-FRI"   cron, see cron.hpp
//   "@daily"                  one of cron's names
//   "every: 90s"              an interval: each multiple of it since 1970-01-01T00:00:00Z. So it
//                             neither drifts nor depends on when the host was started; `every: 24h`
//                             is midnight UTC. At least 1 s, at most 366 d.
//
// When a zone's clocks change (the rule of Vixie's cron and cronie, cron(8)):
//
//   * Cron with a fixed time of day (neither minute nor hour has `*` or a step) runs once for each
//     reading of the clock that it names. A reading that is skipped runs at the instant at which
//     the clocks jumped; one that is repeated runs the first time only.
//   * Cron that repeats within the day (`*` or a step in minute or hour) follows elapsed time: it
//     runs whenever the clock shows one of its readings, so in both copies of a repeated hour, and
//     makes up nothing for a skipped one.
//   * Intervals don't look at the zone.
//
// OCPS 1.4 recommends to skip a fixed time in the gap; that is not followed here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/zone.hpp"
#include "schedule/cron.hpp"

namespace host {

// Immutable; thread-safe; cheap to copy.
class Schedule {
 public:
  // Throws Error{invalid or unsupported} naming the text, the column and what was expected. A
  // schedule that can't fire in this zone (each of its times falls into a gap) is refused too.
  [[nodiscard]] static Schedule parse(std::string_view text, const Zone& zone);

  // The first instant after `after` (strictly) at which it is due; nullopt when there is none up to
  // the end of kLastYear. Nothing is due before 1970.
  [[nodiscard]] std::optional<WallTime> next(WallTime after) const;

  // The instants in (after, until], ascending; the newest `limit` of them if there are more. Costs
  // about as many next() as it returns, however long the span.
  [[nodiscard]] std::vector<WallTime> latest(WallTime after, WallTime until,
                                             std::size_t limit) const;

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const Zone& zone() const { return zone_; }

 private:
  Schedule(std::string text, Zone zone, std::variant<Cron, Duration> rule);
  [[nodiscard]] std::optional<WallTime> next_fixed(const Cron& cron, WallTime after) const;
  [[nodiscard]] std::optional<WallTime> next_elapsed(const Cron& cron, WallTime after) const;

  std::string text_;
  Zone zone_;
  std::variant<Cron, Duration> rule_;
};

}  // namespace host
