// SPDX-License-Identifier: Apache-2.0
#include "duration.hpp"

#include <array>
#include <cstdint>

namespace triage {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr std::array<Unit, 4> kUnits{{{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
constexpr std::int64_t kLongest = 36'525 * std::int64_t{86'400};

std::int64_t seconds_of(char letter) {
  for (const auto& unit : kUnits)
    if (unit.letter == letter) return unit.seconds;
  return 0;
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  std::int64_t total = 0;
  std::int64_t number = -1;  // none yet
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = (number < 0 ? 0 : number) * 10 + (c - '0');
      if (number > kLongest) return std::nullopt;
      continue;
    }
    if (number < 0 || seconds_of(c) == 0) return std::nullopt;
    if (number > kLongest / seconds_of(c)) return std::nullopt;
    total += number * seconds_of(c);
    if (total > kLongest) return std::nullopt;
    number = -1;
  }
  if (text.empty() || number >= 0) return std::nullopt;
  return std::chrono::seconds(total);
}

std::string duration_text(std::chrono::seconds duration) {
  std::int64_t left = duration.count();
  std::string text;
  for (const auto& unit : kUnits) {
    const bool second = !text.empty();
    const auto whole = left / unit.seconds;
    if (whole > 0) text += std::to_string(whole) + unit.letter;
    left %= unit.seconds;
    if (second) break;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace triage
