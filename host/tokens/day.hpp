// SPDX-License-Identifier: Apache-2.0
//
// Which day it is for the caps. The day follows CLOCK_BOOTTIME from an anchor that is kept in the
// store, so that within one boot a wall clock that is set renews nothing, whether the host is
// restarted or not. A new boot takes a new anchor from the wall clock, and then a day only moves
// forward. accept() is the operator's word that the wall clock is right now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace cctz {
class time_zone;
}

namespace host {

// Days in a zone, as numbers: 0 is 1970-01-01. Cheap to copy, immutable, thread-safe.
class BudgetZone {
 public:
  // UTC.
  BudgetZone();
  // By IANA name. Throws Error{invalid}, also for a zone that this machine doesn't know.
  [[nodiscard]] static BudgetZone load(const std::string& name);

  [[nodiscard]] std::int64_t day_of(WallTime instant) const;
  // The first instant of the day after.
  [[nodiscard]] WallTime end_of(std::int64_t day) const;

 private:
  explicit BudgetZone(const cctz::time_zone& rules);
  std::shared_ptr<const cctz::time_zone> rules_;
};

// "2026-01-05"
[[nodiscard]] std::string day_text(std::int64_t day);

// Where a day's clock stands.
struct DayAnchor {
  std::string boot;      // of this boot
  WallTime wall;         // it was this
  Duration boot_time{};  // at this much of CLOCK_BOOTTIME
  std::int64_t day = 0;  // the latest day that anything was granted on
};
// For `settings`; nullopt for a text that is none.
[[nodiscard]] std::string to_text(const DayAnchor& anchor);
[[nodiscard]] std::optional<DayAnchor> parse_day_anchor(std::string_view text);

// Loop thread. The clock outlives it.
class DayClock {
 public:
  // `kept`: from the store.
  DayClock(const Clock& clock, std::string boot, const std::optional<DayAnchor>& kept);

  // Before the first call of any of the others, and for a change of the budget's zone.
  void set_zone(BudgetZone zone) { zone_ = std::move(zone); }
  [[nodiscard]] const BudgetZone& zone() const { return zone_; }

  // Never less than it was before.
  [[nodiscard]] std::int64_t today();
  [[nodiscard]] WallTime now() const;
  // How far the wall clock is ahead of this one.
  [[nodiscard]] Duration shift() const { return clock_->wall() - now(); }

  // The wall clock is right: the day is its day, be it before today.
  void accept();

  // To be kept. Changes when today() does, and by accept().
  [[nodiscard]] const DayAnchor& anchor() const { return anchor_; }

 private:
  const Clock* clock_;
  BudgetZone zone_;
  DayAnchor anchor_;
};

}  // namespace host
