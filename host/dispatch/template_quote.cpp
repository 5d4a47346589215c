// SPDX-License-Identifier: Apache-2.0
#include "dispatch/template_quote.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace host::dispatch {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEmpty = "(empty)";

bool breaks_line(char32_t point) {
  return point == '\n' || point == '\r' || point == 0x0b || point == 0x0c || point == 0x85 ||
         point == 0x2028 || point == 0x2029;
}

bool is_dropped(char32_t point) { return (is_control(point) && point != '\t') || is_unseen(point); }

std::string one_line(std::string_view value) {
  auto line = plain_text(value);
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (cut_text(line, kQuotedLine)) line += "...";
  return line;
}

std::size_t longest_run(std::string_view text, char wanted) {
  std::size_t longest = 0, run = 0;
  for (const char c : text) {
    run = c == wanted ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

bool is_digit(std::string_view text, std::size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

bool is_letter(char c, char lower) { return c == lower || c == lower - 'a' + 'A'; }

bool in_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Whether what begins a reference ends with the byte at `at`: "#7", "!7", "GH-7", "https://...".
bool refers(std::string_view line, std::size_t at) {
  if (line[at] == '#' || line[at] == '!') return is_digit(line, at + 1);
  if (line.substr(0, at + 1).ends_with("://")) return true;
  if (line[at] != '-' || at < 2 || !is_digit(line, at + 1)) return false;
  return is_letter(line[at - 1], 'h') && is_letter(line[at - 2], 'g') &&
         (at == 2 || !in_word(line[at - 3]));
}

// What the forge would take for a reference is none any more.
std::string without_references(const std::string& line) {
  std::string result;
  for (std::size_t i = 0; i < line.size(); ++i) {
    result += line[i];
    if (refers(line, i)) result += ' ';
  }
  return result;
}

std::string in_quotation_marks(const std::string& line) {
  std::string result = "\"";
  for (const char c : line) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string code_span(std::string line) {
  if (line.empty()) line = kEmpty;
  const std::string marks(longest_run(line, '`') + 1, '`');
  // Else a backtick at either end would make the marks longer.
  const bool padded = line.front() == '`' || line.back() == '`' || line.front() == ' ';
  return marks + (padded ? " " + line + " " : line) + marks;
}

std::string behind_marks(const std::string& lines) {
  std::string result = "> ";
  for (const char c : lines) {
    result += c;
    if (c == '\n') result += "> ";
  }
  return result;
}

// Between empty lines, so that no markup before it goes on inside.
std::string code_block(const std::string& lines) {
  const std::string fence(std::max<std::size_t>(3, longest_run(lines, '`') + 1), '`');
  return "\n" + fence + "text\n" + lines + "\n" + fence + "\n";
}

}  // namespace

std::string plain_text(std::string_view value) {
  std::string result;
  result.reserve(value.size());
  for (std::size_t at = 0; at < value.size();) {
    const auto [point, size] = character_at(value, at);
    const bool half = point == '\r' && at + 1 < value.size() && value[at + 1] == '\n';
    if (!point)
      result += kReplacement;
    else if (breaks_line(*point))
      result += half ? "" : "\n";
    else if (!is_dropped(*point))
      result.append(value, at, size);
    at += size;
  }
  return result;
}

std::string quote_line(std::string_view value, TemplatePlace place) {
  switch (place) {
    case TemplatePlace::prompt: return in_quotation_marks(one_line(value));
    case TemplatePlace::title: return without_references(one_line(value));
    case TemplatePlace::body: return code_span(one_line(value));
  }
  return {};
}

std::string quote_text(std::string_view value, TemplatePlace place) {
  auto lines = plain_text(value);
  lines.erase(lines.find_last_not_of(" \t\n") + 1);
  const auto whole = lines.size();
  const bool cut = cut_text(lines, kQuotedText);
  if (lines.empty()) lines = kEmpty;
  const std::string note =
      cut ? fmt::format("\n(The first {} of {} bytes.)", lines.size(), whole) : "";
  if (place == TemplatePlace::prompt) return behind_marks(lines) + note;
  if (place == TemplatePlace::body) return code_block(lines) + note;
  return {};
}

}  // namespace host::dispatch
