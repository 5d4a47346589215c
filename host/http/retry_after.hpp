// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace host {

// No server makes this host wait longer, whatever it asks for.
inline constexpr Duration kLongestRetryAfter = std::chrono::minutes(5);

// A Retry-After header (RFC 9110 10.2.3), seconds or a date, as time from `now` on: not negative,
// at most kLongestRetryAfter. nullopt when it is neither.
[[nodiscard]] std::optional<Duration> parse_retry_after(const std::string& text, WallTime now);

}  // namespace host
