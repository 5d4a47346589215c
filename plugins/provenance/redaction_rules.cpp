// SPDX-License-Identifier: Apache-2.0
#include "redaction_rules.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "pair_hash.hpp"

namespace provenance {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
}

// A word that follows "token:" in prose or code is no token.
bool looks_random(std::string_view found) { return digits_of(found) > 0 || found.size() >= 24; }

bool is_phone(std::string_view found) {
  const auto digits = digits_of(found);
  return digits >= 8 && digits <= 15;
}

// The forges' own, in their ssh addresses.
bool is_somebodys_mail(std::string_view found) { return !found.starts_with("git@"); }

// "Authorization: Bearer" without what follows it.
bool is_no_scheme(std::string_view found) {
  std::string word(found);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word != "bearer" && word != "basic" && word != "digest" && word != "negotiate";
}

// An option that follows "--password", and what another rule has put there, are none.
bool is_a_password(std::string_view found) {
  const bool is_replaced = found.starts_with("[REDACTED:") && found.find(']') == found.size() - 1;
  return !is_replaced && !found.starts_with("--");
}

// Loopback, "any" and broadcast are nobody's.
bool is_somebodys_ipv4(std::string_view found) {
  return !found.starts_with("127.") && found != "0.0.0.0" && found != "255.255.255.255";
}

// `a::b` of C++ and times are none.
bool is_somebodys_ipv6(std::string_view found) {
  std::array<unsigned char, 16> address{};
  const std::string text(found);
  if (::inet_pton(AF_INET6, text.c_str(), address.data()) != 1) return false;
  const auto groups = std::count(text.begin(), text.end(), ':');
  return digits_of(found) > 0 && found != "::1" && (groups >= 3 || found.find(':') == 4);
}

}  // namespace

const std::vector<RedactionRule>& redaction_rules() {
  static const std::vector<RedactionRule> rules = {
      {"private_key",
       R"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-])*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?)",
       {"PRIVATE KEY"}},
      {"url_password",
       R"((?i)((?:\b|\\[abfnrtv])[a-z][a-z0-9+.-]*:\\{0,8}/\\{0,8}/[^\s/:@"'\\<>]*:)([^\s/@"'\\<>\[\]]+)@)",
       {"@"}},
      {"authorization",
       R"((?i)((?:\b|\\[abfnrtv])authorization(?:\\{0,8}["'])?\s{0,4}[:=]\s{0,4}(?:\\{0,8}["'])?(?:(?:bearer|basic|token|digest|negotiate)\s{1,4})?)((?:[^\s"'\\,;\[\]]|\\{1,8}/){6,}))",
       {"authorization"},
       is_no_scheme},
      {"bearer",
       R"((?i)((?:\b|\\[abfnrtv])bearer\s{1,4})((?:[A-Za-z0-9._~+/=-]|\\{1,8}/){12,}))",
       {"bearer"}},
      {"jwt",
       R"((?:\b|\\[abfnrtv])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,})",
       {"eyJ"}},
      {"provider_key",
       R"((?:\b|\\[abfnrtv])(?:sk-[A-Za-z0-9_-]{16,}|[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{20,}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|pplx-[A-Za-z0-9]{20,}|nvapi-[A-Za-z0-9_-]{20,}|tgp_v1_[A-Za-z0-9_-]{20,}))",
       {"sk-", "k_live_", "k_test_", "gsk_", "xai-", "hf_", "r8_", "AIza", "ya29.", "pplx-",
        "nvapi-", "tgp_v1_"}},
      {"forge_token",
       R"((?:\b|\\[abfnrtv])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|dckr_pat_[A-Za-z0-9_-]{20,}|dop_v1_[a-f0-9]{40,}))",
       {"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glptt-", "gldt-", "glrt-",
        "glcbt-", "npm_", "pypi-", "dckr_pat_", "dop_v1_"}},
      {"cloud_key",
       R"((?:\b|\\[abfnrtv])(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|AccountKey=[A-Za-z0-9+/=]{20,}))",
       {"AKIA", "ASIA", "ABIA", "ACCA", "SG.", "AccountKey="}},
      // A Discord token begins with its bot's number in base64, a Telegram token has ":AA".
      {"chat_token",
       R"((?:\b|\\[abfnrtv])(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}|hooks\.slack\.com\\{0,8}/services\\{0,8}/(?:[A-Za-z0-9]|\\{0,8}/){20,}|discord(?:app)?\.com\\{0,8}/api\\{0,8}/webhooks\\{0,8}/[0-9]+\\{0,8}/[A-Za-z0-9_-]{20,}))",
       {"xox", "xapp-", ":AA", "slack.com/services/", "slack.com\\", "/api/webhooks/", "/api\\",
        "MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"}},
      {"password",
       R"((?i)((?:password|passwd|passphrase|pwd)(?:\\{0,8}["'])?\s{0,4}(?::=|=>|[:=])\s{0,4}|--[a-z0-9-]*(?:password|passwd|passphrase|pwd)[ \t]{1,4})(?:"((?:[^"\\\r\n]|\\[^\r\n])+)|'((?:[^'\\\r\n]|\\[^\r\n])+)|\\{1,8}"((?:[^"\\\r\n]|\\+[^"\\\r\n])+)|\\{1,8}'((?:[^'\\\r\n]|\\+[^'\\\r\n])+)|([^\s"'\\,;`<>{}\[\]]{4,})))",
       {"password", "passwd", "passphrase", "pwd"},
       is_a_password},
      {"assigned_secret",
       R"((?i)((?:secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)(?:\\{0,8}["'])?\s{0,4}(?::=|=>|[:=])\s{0,4}(?:\\{0,8}["'])?)((?:[A-Za-z0-9._~+/=-]|\\{1,8}/){8,}))",
       {"secret", "token", "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey",
        "private_key", "private-key", "privatekey", "credential"},
       looks_random},
      {"email",
       R"([A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b)",
       {"@"},
       is_somebodys_mail},
      {"ipv4",
       R"((?:\b|\\[abfnrtv])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\b)",
       {"#.#"},
       is_somebodys_ipv4},
      {"ipv6",
       R"((?i)(?:\b|\\[abfnrtv])[0-9a-f]{1,4}(?:::?[0-9a-f]{1,4}){1,7}(?:::)?)",
       {"%:%", "%::%"},
       is_somebodys_ipv6},
      {"phone",
       R"(\+[1-9][0-9]{0,3}[ .()-]{0,2}[0-9]{1,5}(?:[ .()-]{0,2}[0-9]{2,5}){1,4}\b|\([0-9]{3}\) ?[0-9]{3}[-. ][0-9]{4}\b|(?:\b|\\[abfnrtv])[0-9]{3}[-.][0-9]{3}[-.][0-9]{4}\b)",
       {"+#", "(###)", "###-###", "###.###"},
       is_phone},
      {"home_path",
       R"((?i)((?:/home\\{0,8}/|/users\\{0,8}/|\b[a-z]:(?:\\{1,4}|/)users(?:\\{1,4}|/)))([a-z0-9._@-]+))",
       {"/home/", "/home\\", "/users/", "/users\\", "\\users"}},
  };
  return rules;
}

std::string redaction_digest(const std::vector<RedactionRule>& rules, int version) {
  Sha256 hash;
  hash.update("timmy-redaction/" + std::to_string(version) + "\n");
  for (const auto& rule : rules) {
    hash.update(std::string(rule.name) + "\n" + rule.pattern + "\n");
    for (const auto* hint : rule.hints) hash.update(std::string(hint) + "\n");
  }
  return hash.hex();
}

// For each name in JSON, so no pattern.
bool names_a_secret(std::string_view key) {
  static constexpr std::string_view kEnds[] = {
      "password",   "passwd",      "passphrase",  "pwd",        "secret",
      "token",      "apikey",      "api_key",     "api-key",    "accesskey",
      "access_key", "access-key",  "secretkey",   "secret_key", "secret-key",
      "privatekey", "private_key", "private-key", "credential", "authorization"};
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const auto ends_with = [&](std::string_view end) {
    return key.size() >= end.size() &&
           std::equal(end.rbegin(), end.rend(), key.rbegin(),
                      [&](char wanted, char c) { return lower(c) == wanted; });
  };
  return key.size() <= 256 && std::any_of(std::begin(kEnds), std::end(kEnds), ends_with);
}

}  // namespace provenance
