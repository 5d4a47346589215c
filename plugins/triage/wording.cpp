// SPDX-License-Identifier: Apache-2.0
#include "wording.hpp"

namespace triage {

std::string minute_text(timmy::Time time) {
  auto text = timmy::format_time(std::chrono::floor<std::chrono::minutes>(time));
  text[10] = ' ';
  return text.substr(0, 16) + " UTC";
}

std::string quoted(const std::string& text) {
  constexpr std::size_t kLongest = 120;
  std::string clean;
  for (const char c : text) {
    const bool markup = c == '`' || c == '<' || c == '>';
    clean += static_cast<unsigned char>(c) < ' ' || markup ? ' ' : c;
  }
  if (clean.size() > kLongest) {
    auto end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xc0) == 0x80) --end;
    clean = clean.substr(0, end) + "...";
  }
  return "`" + clean + "`";
}

}  // namespace triage
