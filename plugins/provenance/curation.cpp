// SPDX-License-Identifier: Apache-2.0
#include "curation.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <string>
#include <unordered_map>

namespace provenance {
namespace {

constexpr int kSameCalls = 4;          // the same call so often in a row is a loop
constexpr int kSameAnswers = 3;        // the same words so often in one answer
constexpr int kSameLines = 20;         // the same line so often in its last words
constexpr std::size_t kOpening = 400;  // bytes in which a refusal or an error shows

bool matches(std::string_view text, const re2::RE2& pattern) {
  const auto opening = text.substr(0, kOpening);
  return re2::RE2::PartialMatch({opening.data(), opening.size()}, pattern);
}

bool is_error(const Message& last) {
  static const re2::RE2 pattern(
      R"((?i)^\W{0,4}(?:error|api (?:call )?(?:error|failed)|request failed|internal server error|rate limit(?:ed)? |http (?:error )?[45][0-9][0-9]|traceback \(most recent call last\)))",
      re2::RE2::Latin1);
  return last.finish_reason == "error" || last.finish_reason == "content_filter" ||
         matches(last.content, pattern);
}

bool is_refusal(const Message& last) {
  static const re2::RE2 pattern(
      R"((?i)^\W{0,4}(?:(?:i(?:'|\xe2\x80\x99)?m|i am) (?:very |so )?sorry|sorry|i apologi[sz]e|unfortunately|as an ai)?[,.]? ?(?:but )?(?:as an ai[^.]{0,60}, )?i(?: (?:can(?:'|\xe2\x80\x99)?t|cannot|won(?:'|\xe2\x80\x99)?t|will not|must decline|refuse to|am (?:unable|not able) to)|'m (?:unable|not able) to) (?:help|assist|comply|provide|fulfil|do that|continue|support|participate|create|generate|write|answer|engage|share|with))",
      re2::RE2::Latin1);
  return matches(last.content, pattern);
}

bool repeats_calls(const Pair& pair) {
  int same = 1;
  for (std::size_t i = 1; i < pair.steps.size(); ++i) {
    const auto& a = *pair.steps[i - 1].call;
    const auto& b = *pair.steps[i].call;
    same = a.name == b.name && a.arguments == b.arguments ? same + 1 : 1;
    if (same >= kSameCalls) return true;
  }
  return false;
}

bool repeats_lines(std::string_view text) {
  std::unordered_map<std::string_view, int> seen;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // Shorter ones are brackets and rules.
    if (line.size() >= 8 && ++seen[line] >= kSameLines) return true;
  }
  return false;
}

bool repeats_answers(const Turns& turns, const Pair& pair) {
  std::unordered_map<std::string_view, int> seen;
  for (auto at = pair.answer; at < pair.end; ++at) {
    const Message& message = *turns.entries[at].message;
    if (message.role == Message::Role::assistant && message.content.size() >= 8 &&
        ++seen[message.content] >= kSameAnswers)
      return true;
  }
  return false;
}

}  // namespace

std::string_view curated_out(const Turns& turns, const Pair& pair, const Filters& filters) {
  const Message& last = *turns.entries[pair.end - 1].message;
  if (last.finish_reason == "length") return "truncated";
  if (filters.errors && is_error(last)) return "error";
  if (static_cast<std::int64_t>(last.content.size()) < filters.least_answer) return "short_answer";
  if (filters.refusals && is_refusal(last)) return "refusal";
  if (filters.loops &&
      (repeats_calls(pair) || repeats_answers(turns, pair) || repeats_lines(last.content)))
    return "loop";
  return "";
}

}  // namespace provenance
