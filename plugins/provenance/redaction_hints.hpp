// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "redaction_rules.hpp"

namespace provenance {

// Which rules may find anything in a text, by one pass over its bytes: nearly all texts need no
// pattern at all.
class RedactionHints {
 public:
  explicit RedactionHints(const std::vector<RedactionRule>& rules);

  // A bit for each rule whose hint stands in the text, and kEscapes.
  [[nodiscard]] std::uint32_t rules_for(std::string_view text) const;

  // Of JSON, an escape may hide a hint: "\u0040" is an @, and "\/" a slash.
  static constexpr std::uint32_t kEscapes = 1u << 31;

 private:
  struct Hint {
    std::string text;
    bool any_case = false;
    std::uint32_t rule = 0;  // its bit
    std::size_t key = 0;     // where its rarest two bytes stand
  };
  void add(Hint hint);
  [[nodiscard]] std::uint32_t rules_at(std::string_view text, std::size_t at,
                                       std::uint32_t known) const;
  void mark(unsigned char first, unsigned char second, std::size_t hint);

  std::vector<Hint> hints_;
  std::bitset<65536> pairs_;  // of two bytes that a hint's rarest may be
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> by_pair_;
  std::uint32_t at_sign_ = 0;  // of the rules whose hint is "@"
};

}  // namespace provenance
