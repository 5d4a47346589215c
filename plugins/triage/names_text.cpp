// SPDX-License-Identifier: Apache-2.0
#include "names_text.hpp"

#include <timmy/job.hpp>

namespace triage {

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  // Back to where a character of UTF-8 begins.
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string in_quotes(std::string_view text) {
  using timmy::Json;
  return Json(shortened(text, 60)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string listed(const Names& names, const std::string& none) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
    text += (i == 0 ? "" : ", ") + shortened(names[i]);
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text.empty() ? none : text;
}

}  // namespace triage
