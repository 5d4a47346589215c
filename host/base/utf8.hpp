// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace host {

// Cuts `text` to at most `most` bytes, between two characters of UTF-8. Returns whether it was
// longer.
inline bool cut_text(std::string& text, std::size_t most) {
  if (text.size() <= most) return false;
  const auto inside = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  while (most > 0 && inside(most)) --most;
  text.resize(most);
  return true;
}

}  // namespace host
