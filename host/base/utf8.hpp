// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace host {

// A character of a text that may hold anything.
struct Character {
  std::optional<char32_t> point;  // none: the byte here begins no UTF-8
  std::size_t size = 1;           // bytes
};

// The character at `at`. UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
// U+10FFFF.
// REQUIRES: at < text.size()
[[nodiscard]] Character character_at(std::string_view text, std::size_t at) noexcept;

// Cuts `text` to at most `most` bytes, between two characters of UTF-8. Returns whether it was
// longer.
bool cut_text(std::string& text, std::size_t most);

}  // namespace host
