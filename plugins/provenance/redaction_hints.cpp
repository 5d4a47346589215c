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

}  // namespace

RedactionHints::RedactionHints(const std::vector<RedactionRule>& rules) {
  if (rules.size() > 32) throw std::logic_error("more than 32 rules have no bits");
  for (std::size_t rule = 0; rule < rules.size(); ++rule) {
    const bool any_case = std::string_view(rules[rule].pattern).starts_with("(?i)");
    for (const auto* text : rules[rule].hints) add({text, any_case, 1u << rule});
  }
}

void RedactionHints::add(const Hint& hint) {
  if (hint.text.size() < 2) {
    if (hint.text != "@") throw std::logic_error("a hint has two characters: " + hint.text);
    at_sign_ |= hint.rule;
    return;
  }
  hints_.push_back(hint);
  for (unsigned first = 0; first < 256; ++first) {
    if (!fits(hint.text[0], static_cast<char>(first), hint.any_case)) continue;
    for (unsigned second = 0; second < 256; ++second)
      if (fits(hint.text[1], static_cast<char>(second), hint.any_case))
        mark(static_cast<unsigned char>(first), static_cast<unsigned char>(second),
             hints_.size() - 1);
  }
}

void RedactionHints::mark(unsigned char first, unsigned char second, std::size_t hint) {
  pairs_.set(key_of(first, second));
  by_pair_[key_of(first, second)].push_back(hint);
}

std::uint32_t RedactionHints::rules_for(std::string_view text) const {
  std::uint32_t found = 0;
  if (text.find('@') != std::string_view::npos) found |= at_sign_;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    const auto pair =
        key_of(static_cast<unsigned char>(text[at]), static_cast<unsigned char>(text[at + 1]));
    if (!pairs_[pair]) continue;
    for (const auto which : by_pair_.find(pair)->second) {
      const Hint& hint = hints_[which];
      if ((found & hint.rule) != 0 || text.size() - at < hint.text.size()) continue;
      std::size_t same = 2;
      while (same < hint.text.size() && fits(hint.text[same], text[at + same], hint.any_case))
        ++same;
      if (same == hint.text.size()) found |= hint.rule;
    }
  }
  return found;
}

}  // namespace provenance
