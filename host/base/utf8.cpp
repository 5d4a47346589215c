// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.hpp"

namespace host {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

Character character_at(std::string_view text, std::size_t at) noexcept {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - at < size) return {};
  char32_t point = first & (0x7Fu >> size);
  for (std::size_t i = at + 1; i < at + size; ++i) {
    if (!continues(text[i])) return {};
    point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  const bool surrogate = point >= 0xD800 && point < 0xE000;
  if (overlong || surrogate || point > 0x10FFFF) return {};
  return {point, size};
}

bool is_control(char32_t point) noexcept { return point < 0x20 || (point >= 0x7F && point < 0xA0); }

bool is_unseen(char32_t point) noexcept {
  const auto within = [&](char32_t first, char32_t last) {
    return point >= first && point <= last;
  };
  return point == 0xAD || point == 0x061C || point == 0x180E || point == 0x200B ||
         within(0x200E, 0x200F) || within(0x202A, 0x202E) || within(0x2060, 0x206F) ||
         point == 0xFEFF || within(0xFFF9, 0xFFFB) || within(0xE0000, 0xE007F);
}

bool cut_text(std::string& text, std::size_t most) {
  if (text.size() <= most) return false;
  while (most > 0 && continues(text[most])) --most;
  text.resize(most);
  return true;
}

}  // namespace host
