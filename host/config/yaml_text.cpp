// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_text.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace host {
namespace {

bool is_control(unsigned char byte) {
  return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
}

}  // namespace

std::optional<BadBytes> find_bad_bytes(std::string_view text) {
  Position at;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte == 0) return BadBytes{at, "a NUL byte; expected text, this looks like a binary file"};
    if (is_control(byte))
      return BadBytes{at, fmt::format("control character 0x{:02X}; expected text", byte)};
    const auto [point, length] = character_at(text, 0);
    if (!point)
      return BadBytes{at, fmt::format("byte 0x{:02X} is not UTF-8; expected UTF-8 text", byte)};
    if (byte == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      at.column += static_cast<int>(length);
    }
    text.remove_prefix(length);
  }
  return std::nullopt;
}

std::vector<Position> tabbed_lines(std::string_view text) {
  std::vector<Position> found;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    const std::string_view content = text.substr(0, end);
    const std::size_t first = content.find_first_not_of(" \t\r");
    const std::size_t tab = content.find('\t');
    if (first != std::string_view::npos && tab < first)
      found.push_back({line, static_cast<int>(tab) + 1});
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return found;
}

bool is_unclosed_quote(std::string_view text, std::size_t offset) {
  while (offset < text.size() && text[offset] == '!') {
    offset = std::min(text.find_first_of(" \t\r\n", offset), text.size());
    offset = std::min(text.find_first_not_of(" \t\r\n", offset), text.size());
  }
  if (offset >= text.size()) return false;
  const char mark = text[offset];
  if (mark != '"' && mark != '\'') return false;
  for (std::size_t i = offset + 1; i < text.size(); ++i) {
    if (mark == '"' && text[i] == '\\')
      ++i;
    else if (text[i] != mark)
      continue;
    else if (mark == '\'' && i + 1 < text.size() && text[i + 1] == mark)
      ++i;
    else
      return false;
  }
  return true;
}

}  // namespace host
