// SPDX-License-Identifier: Apache-2.0
//
// A verdict for those who read it: the agent, which gets the evidence, and people, who get what the
// host found in its own words.
#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "dispatch/template_quote.hpp"
#include "dispatch/verify.hpp"

namespace host::dispatch {
namespace {

// Less than a quotation takes, so that nothing of it is cut there.
constexpr std::size_t kMostFeedback = kQuotedText - 1024;

// Each line behind four blanks: what a command printed ends at the margin.
std::string set_in(std::string_view text) {
  std::string result = "    ";
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "    ";
  }
  return result;
}

std::string last_bytes(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  auto end = text.substr(text.size() - most);
  while (!end.empty() && (static_cast<unsigned char>(end.front()) & 0xc0) == 0x80) end.erase(0, 1);
  return "(its last part)\n" + end;
}

// As much of its end as fits, set in; empty where that is nothing to speak of. Setting it in makes
// it longer by four bytes a line.
std::string fitting(const std::string& evidence, std::size_t most) {
  constexpr std::size_t kLeast = 16;
  if (evidence.empty()) return {};
  for (auto room = most; room >= kLeast; room = room * 3 / 4)
    if (auto lines = set_in(last_bytes(evidence, room)) + "\n"; lines.size() <= most) return lines;
  return {};
}

std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '`' || c == '<' || c == '[' || c == '*' || c == '_')
      result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

}  // namespace

std::string feedback(const WorkVerdict& verdict) {
  std::vector<const Check*> failed;
  for (const auto& check : verdict.checks)
    if (check.state == Check::State::failed) failed.push_back(&check);
  if (failed.empty()) return {};
  const auto share = kMostFeedback / failed.size();
  std::string text;
  int number = 0;
  for (const auto* check : failed) {
    auto one = fmt::format("{}. {}: {}\n", ++number, check->name, check->summary);
    one += fitting(plain_text(check->evidence), share - std::min(share, one.size()));
    text += one;
  }
  (void)cut_text(text, kMostFeedback);
  return text;
}

std::string results_table(const WorkVerdict& verdict) {
  std::string table = "| gate | result | found |\n|---|---|---|\n";
  for (const auto& check : verdict.checks)
    table +=
        fmt::format("| {} | {} | {} |\n", cell(check.name), name(check.state), cell(check.summary));
  table.pop_back();
  return table;
}

}  // namespace host::dispatch
