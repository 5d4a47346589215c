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

// Whether it is a control character: U+0000 to U+001F, U+007F to U+009F.
[[nodiscard]] bool is_control(char32_t point) noexcept;

// Whether it is not seen, or turns the direction of writing, so that a text reads as another than
// it is: soft hyphens, zero-width spaces, marks and embeddings of direction, invisible operators,
// annotations, tags, the byte order mark. Joiners and variation selectors are none, which scripts
// and emoji need, nor are control characters and blanks.
[[nodiscard]] bool is_unseen(char32_t point) noexcept;

// Cuts `text` to at most `most` bytes, between two characters of UTF-8. Returns whether it was
// longer.
bool cut_text(std::string& text, std::size_t most);

}  // namespace host
