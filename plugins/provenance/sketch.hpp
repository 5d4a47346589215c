// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace provenance {

// What a store held, however much that was, in at most 8 KiB and a bit: 1024 sums, each over the
// fingerprints of the sessions of one range, of which 48 bits are kept. Where a sum is another one
// now, the sessions of its range are read again, also those of them that have not changed: so a
// session may come twice, but none is missed.
//
// A range is as wide as it must be for all keys to have one. When the keys outgrow that, widths
// double, and two sums become one; so what was noted holds on.
class Sketch {
 public:
  static constexpr std::size_t kRanges = 1024;

  // What isn't understood is an empty one.
  [[nodiscard]] static Sketch from(const nlohmann::json& json);
  [[nodiscard]] nlohmann::json json() const;

  // Widens the ranges until the key has one.
  void reach(std::uint64_t key);
  [[nodiscard]] std::size_t range_of(std::uint64_t key) const {
    return static_cast<std::size_t>(key >> shift_);
  }
  // The last key of a range.
  [[nodiscard]] std::uint64_t last_of(std::size_t range) const {
    return (std::uint64_t{range} << shift_) | ((std::uint64_t{1} << shift_) - 1);
  }

  [[nodiscard]] std::uint64_t operator[](std::size_t range) const { return sums_[range]; }
  [[nodiscard]] static std::uint64_t sum_of(std::uint64_t a, std::uint64_t b) {
    return (a + b) & kMask;
  }
  void set(std::size_t range, std::uint64_t sum) { sums_[range] = sum & kMask; }
  void add(std::uint64_t key, std::uint64_t fingerprint) {
    set(range_of(key), sums_[range_of(key)] + fingerprint);
  }
  [[nodiscard]] bool is_empty() const;
  // The same ranges with nothing in them.
  [[nodiscard]] Sketch empty_like() const;

 private:
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << 48) - 1;

  unsigned shift_ = 0;  // a range has 2^shift_ keys
  std::array<std::uint64_t, kRanges> sums_{};
};

}  // namespace provenance
