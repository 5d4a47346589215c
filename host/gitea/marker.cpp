// SPDX-License-Identifier: Apache-2.0
#include "gitea/marker.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"

namespace host {

std::string marker_line(std::string_view key) {
  constexpr std::size_t kCap = 200;
  const bool fits =
      key.size() <= kCap &&
      std::all_of(key.begin(), key.end(),
                  [](unsigned char c) {
                    return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == ':' ||
                                        c == '/' || c == '#' || c == '-');
                  }) &&
      key.find("--") == std::string_view::npos;
  if (!fits)
    throw Error(Code::usage,
                "a marker must be at most 200 letters, digits and "
                "\".\", \"_\", \":\", \"/\", \"#\", \"-\"");
  return key.empty() ? std::string() : "<!-- timmy:" + std::string(key) + " -->";
}

std::string marked(std::string text, const std::string& line) {
  if (line.empty()) return text;
  return text.empty() ? line : std::move(text) + "\n\n" + line;
}

}  // namespace host
