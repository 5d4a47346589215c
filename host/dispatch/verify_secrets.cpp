// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_secrets.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string>

namespace host::dispatch {
namespace {

// Whether its form alone tells, or its value must be of random letters, too: the pattern's group.
enum class Tells { form, value };

struct Rule {
  Rule(std::string_view rule_name, const char* text, Tells what)
      : name(rule_name), pattern(text), tells(what) {}
  std::string_view name;
  RE2 pattern;
  Tells tells;
};

const auto& rules() {
  static const Rule kRules[] = {
      {"a private key", R"(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)", Tells::form},
      {"an AWS access key", R"(\b((?:AKIA|ASIA)[0-9A-Z]{16})\b)", Tells::form},
      {"a GitHub token", R"(\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50}))",
       Tells::form},
      {"a GitLab token", R"(\bglpat-[A-Za-z0-9_-]{20})", Tells::form},
      {"a Slack token", R"(\bxox[abeprs]-[0-9]{6,}-[A-Za-z0-9-]{10})", Tells::form},
      {"a key of a model's provider",
       R"(\b(sk-(?:proj-|ant-|or-v1-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}))", Tells::value},
      {"a Google API key", R"(\bAIza[0-9A-Za-z_-]{35})", Tells::form},
      {"a Stripe key", R"(\b[rs]k_live_[0-9A-Za-z]{16})", Tells::form},
      {"an npm token", R"(\bnpm_[A-Za-z0-9]{36}\b)", Tells::form},
      {"a PyPI token", R"(\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40})", Tells::form},
      {"a Hugging Face token", R"(\b(hf_[A-Za-z0-9]{30,})\b)", Tells::value},
      {"a signed web token",
       R"(\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})", Tells::form},
      {"a password in a URL", R"(\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@"']{1,64}:([^/\s:@"']{6,128})@)",
       Tells::value},
      {"an Authorization header",
       R"((?i)\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+([A-Za-z0-9._~+/=-]{16,}))",
       Tells::value},
      {"a credential that is set to a value",
       R"re((?i)(?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential)[a-z0-9_]*["']?\s*(?::=|=>|[:=])\s*["'`]([^"'`\s]{12,200})["'`])re",
       Tells::value},
      {"a credential that is set to a value",
       R"re(^\s*(?:export\s+|set\s+|-\s+)?[A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY)[A-Z0-9_]*\s*[:=]\s*([^"'`\s]{12,200})\s*$)re",
       Tells::value},
  };
  return kRules;
}

bool says_that_it_is_none(const std::string& folded) {
  constexpr std::array kWords{"example", "changeme",   "change-me", "placeholder", "dummy",
                              "your",    "xxxx",       "****",      "....",        "redacted",
                              "insert",  "replace",    "not-a-",    "fake",        "canary",
                              "test",    "1234567890", "abcdef"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](const char* word) { return folded.find(word) != std::string::npos; });
}

// Code, or a variable, that the value is taken from.
bool is_reference(std::string_view value) {
  return value.find("${") != value.npos || value.find("{{") != value.npos ||
         value.find("$(") != value.npos || value.find('<') != value.npos ||
         value.find('(') != value.npos || value.front() == '$' || value.front() == '%' ||
         value.find("::") != value.npos;
}

double bits_a_character(std::string_view value) {
  std::array<int, 256> counts{};
  for (const unsigned char c : value) ++counts[c];
  double bits = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    const double part = static_cast<double>(count) / static_cast<double>(value.size());
    bits -= part * std::log2(part);
  }
  return bits;
}

// Letters and digits without a pattern to them: words of a language, paths and versions have not.
bool looks_random(std::string_view value) {
  std::string folded;
  bool digit = false, letter = false;
  for (const char c : value) {
    const bool upper = c >= 'A' && c <= 'Z';
    folded += upper ? static_cast<char>(c - 'A' + 'a') : c;
    letter = letter || upper || (c >= 'a' && c <= 'z');
    digit = digit || (c >= '0' && c <= '9');
  }
  return digit && letter && !is_reference(value) && !says_that_it_is_none(folded) &&
         bits_a_character(value) >= 3.0;
}

}  // namespace

std::string_view credential_in(std::string_view line) {
  // Text of two bytes a character reads like this, too.
  std::string without_nul;
  if (line.find('\0') != line.npos) {
    std::copy_if(line.begin(), line.end(), std::back_inserter(without_nul),
                 [](char c) { return c != '\0'; });
    line = without_nul;
  }
  for (const auto& rule : rules()) {
    re2::StringPiece rest(line.data(), line.size());
    if (rule.tells == Tells::form) {
      if (RE2::PartialMatch(rest, rule.pattern)) return rule.name;
      continue;
    }
    re2::StringPiece value;
    while (RE2::FindAndConsume(&rest, rule.pattern, &value))
      if (looks_random(std::string_view(value.data(), value.size()))) return rule.name;
  }
  return {};
}

}  // namespace host::dispatch
