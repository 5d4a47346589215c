// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace cctz {
class time_zone;
}

namespace host {

// A wall clock's reading in some place, without saying which place.
using LocalTime = std::chrono::local_seconds;

// A time zone of the system's database, by its IANA name. Cheap to copy, immutable, thread-safe.
// Rules are read once in a process's life: after an update of tzdata the host is restarted.
class Zone {
 public:
  // UTC.
  Zone();

  // "Europe/Berlin", "UTC", "Etc/GMT+5". Throws Error{invalid} for text that is not of that form
  // (an absolute path, "..", "posix/", "localtime"), Error{not_found} when the system has no zone
  // of that name.
  [[nodiscard]] static Zone load(std::string_view name);

  [[nodiscard]] const std::string& name() const { return name_; }

  // What the clocks of this zone show at an instant (microseconds cut off).
  [[nodiscard]] LocalTime local(WallTime instant) const;

  // Which instants a reading stands for.
  struct Instants {
    enum class Kind {
      unique,    // one: `first`
      skipped,   // none: the clocks jumped over it, at `first`
      repeated,  // two: `first`, and `second` after the clocks were put back
    };
    Kind kind;
    WallTime first;
    WallTime second;
  };
  [[nodiscard]] Instants instants(LocalTime reading) const;

  // The first instant after `instant` at which this zone's clocks change; nullopt when they never
  // do again. An instant at which only the abbreviation changes may be among them.
  [[nodiscard]] std::optional<WallTime> next_change(WallTime instant) const;

 private:
  Zone(std::string name, const cctz::time_zone& rules);

  std::string name_;
  std::shared_ptr<const cctz::time_zone> rules_;
};

// An instant as this zone's clocks show it, with their distance from UTC (RFC 3339):
// "2026-03-29T03:00:00+02:00". Seconds, and minutes of the distance, are cut off.
[[nodiscard]] std::string format_local(WallTime instant, const Zone& zone);

// The name of this machine's zone: $TZ if it names one, else where /etc/localtime leads, else
// "UTC". Looked up at each call.
[[nodiscard]] std::string machine_zone_name();

}  // namespace host
