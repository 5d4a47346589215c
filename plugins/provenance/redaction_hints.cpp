// SPDX-License-Identifier: Apache-2.0
#include "redaction_hints.hpp"

#include <cctype>
#include <stdexcept>

namespace provenance {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool fits(char wanted, char c, bool any_case) {
  if (wanted == '#') return c >= '0' && c <= '9';
  if (wanted == '%') return std::isxdigit(static_cast<unsigned char>(c)) != 0;
  return c == wanted || (any_case && lower(c) == wanted);
}

std::uint32_t key_of(unsigned char first, unsigned char second) {
  return static_cast<std::uint32_t>(first) << 8 | second;
}

// How often a character is met in prose, code and JSON, roughly.
std::size_t commonness(char c) {
  constexpr std::string_view kFromRarest = "zqjxkvwybgpfumcdlhrsnioate ";
  if (c == '#' || c == '%') return 24;
  const auto rank = kFromRarest.find(c);
  return rank == std::string_view::npos ? 8 : rank;
}

// Two characters of a hint that stand together less often than others of it.
std::size_t rarest_pair(const std::string& text) {
  std::size_t rarest = 0;
  const auto weight = [&](std::size_t at) {
    return (commonness(text[at]) + 1) * (commonness(text[at + 1]) + 1);
  };
  for (std::size_t at = 1; at + 1 < text.size(); ++at)
    if (weight(at) < weight(rarest)) rarest = at;
  return rarest;
}

}  // namespace

RedactionHints::RedactionHints(const std::vector<RedactionRule>& rules) {
  if (rules.size() > 31) throw std::logic_error("more than 31 rules have no bits");
  for (std::size_t rule = 0; rule < rules.size(); ++rule) {
    const bool any_case = std::string_view(rules[rule].pattern).starts_with("(?i)");
    for (const auto* text : rules[rule].hints) add({text, any_case, 1u << rule});
  }
  add({"\\u00", false, kEscapes});
  add({"\\/", false, kEscapes});
}

void RedactionHints::add(Hint hint) {
  if (hint.text.size() < 2) {
    if (hint.text != "@") throw std::logic_error("a hint has two characters: " + hint.text);
    at_sign_ |= hint.rule;
    return;
  }
  hint.key = rarest_pair(hint.text);
  for (unsigned first = 0; first < 256; ++first) {
    if (!fits(hint.text[hint.key], static_cast<char>(first), hint.any_case)) continue;
    for (unsigned second = 0; second < 256; ++second)
      if (fits(hint.text[hint.key + 1], static_cast<char>(second), hint.any_case))
        mark(static_cast<unsigned char>(first), static_cast<unsigned char>(second), hints_.size());
  }
  hints_.push_back(std::move(hint));
}

void RedactionHints::mark(unsigned char first, unsigned char second, std::size_t hint) {
  pairs_.set(key_of(first, second));
  by_pair_[key_of(first, second)].push_back(hint);
}

std::uint32_t RedactionHints::rules_for(std::string_view text) const {
  std::uint32_t found = 0;
  if (text.find('@') != std::string_view::npos) found |= at_sign_;
  if (text.size() < 2) return found;
  const char* const end = text.data() + text.size();
  auto first = static_cast<unsigned char>(text.front());
  for (const char* at = text.data() + 1; at != end; ++at) {
    const auto second = static_cast<unsigned char>(*at);
    const auto pair = key_of(first, second);
    if (pairs_[pair])
      found |= rules_at(text, static_cast<std::size_t>(at - 1 - text.data()), found);
    first = second;
  }
  return found;
}

// Those, but for the ones that are known, of which a hint has the rarest two bytes there.
std::uint32_t RedactionHints::rules_at(std::string_view text, std::size_t at,
                                       std::uint32_t known) const {
  std::uint32_t found = 0;
  const auto pair =
      key_of(static_cast<unsigned char>(text[at]), static_cast<unsigned char>(text[at + 1]));
  for (const auto which : by_pair_.find(pair)->second) {
    const Hint& hint = hints_[which];
    if (((known | found) & hint.rule) != 0 || at < hint.key ||
        text.size() - (at - hint.key) < hint.text.size())
      continue;
    const auto* const begin = text.data() + (at - hint.key);
    std::size_t same = 0;
    while (same < hint.text.size() && fits(hint.text[same], begin[same], hint.any_case)) ++same;
    if (same == hint.text.size()) found |= hint.rule;
  }
  return found;
}

}  // namespace provenance
