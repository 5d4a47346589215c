// SPDX-License-Identifier: Apache-2.0
#include "http/retry_after.hpp"

#include <curl/curl.h>

#include <algorithm>

namespace host {

std::optional<Duration> parse_retry_after(const std::string& text, WallTime now) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return std::nullopt;
  const auto end = text.find_last_not_of(" \t") + 1;
  const std::string value = text.substr(first, end - first);
  if (value.find_first_not_of("0123456789") == std::string::npos) {
    // Longer ones are past the cap anyhow, and might not fit a number.
    if (value.size() > 6) return kLongestRetryAfter;
    return std::min<Duration>(std::chrono::seconds(std::stol(value)), kLongestRetryAfter);
  }
  // libcurl would also take a bare time of day, or a number with a sign.
  const time_t date = curl_getdate(value.c_str(), nullptr);
  if (date == -1 || value.find("GMT") == std::string::npos) return std::nullopt;
  const WallTime at{std::chrono::seconds(date)};
  if (at >= now + kLongestRetryAfter) return kLongestRetryAfter;
  return std::max(Duration::zero(), at - now);
}

}  // namespace host
