// SPDX-License-Identifier: Apache-2.0
#include "sketch.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace provenance {
namespace {

constexpr unsigned kShiftCap = 54;  // 1024 ranges of 2^54 keys are all keys

// A sum is 8 of these.
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kSumDigits = 8;

}  // namespace

Sketch Sketch::from(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("shift") || !json.contains("sums")) return {};
  const auto &shift = json["shift"], &sums = json["sums"];
  if (!shift.is_number_unsigned() || shift > kShiftCap || !sums.is_string()) return {};
  const auto& text = sums.get_ref<const std::string&>();
  if (text.size() % kSumDigits != 0 || text.size() > kRanges * kSumDigits) return {};
  Sketch sketch;
  sketch.shift_ = shift;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = kDigits.find(text[i]);
    if (digit == kDigits.npos) return {};
    auto& sum = sketch.sums_[i / kSumDigits];
    sum = sum << 6 | digit;
  }
  return sketch;
}

nlohmann::json Sketch::json() const {
  std::size_t used = kRanges;
  while (used > 0 && sums_[used - 1] == 0) --used;
  std::string text;
  text.reserve(used * kSumDigits);
  for (std::size_t range = 0; range < used; ++range)
    for (unsigned shift = 48; shift > 0; shift -= 6)
      text += kDigits[(sums_[range] >> (shift - 6)) & 63];
  return {{"shift", shift_}, {"sums", std::move(text)}};
}

void Sketch::reach(std::uint64_t key) {
  while (key >> shift_ >= kRanges) {
    for (std::size_t range = 0; range < kRanges / 2; ++range)
      set(range, sums_[2 * range] + sums_[2 * range + 1]);
    std::fill(sums_.begin() + kRanges / 2, sums_.end(), 0);
    ++shift_;
  }
}

bool Sketch::is_empty() const {
  return std::all_of(sums_.begin(), sums_.end(), [](auto sum) { return sum == 0; });
}

Sketch Sketch::empty_like() const {
  Sketch empty;
  empty.shift_ = shift_;
  return empty;
}

}  // namespace provenance
