// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace provenance {

// A kind of secret or personal data, and how it is recognised.
struct RedactionRule {
  const char* name;
  // RE2, over bytes. All that it matches is replaced; where it has more than one group, what the
  // first of those after group 1 holds that took part, and group 1 stays.
  const char* pattern;
  // One of these stands in every text that the pattern matches: as it is, or in lower case where
  // the pattern begins with (?i). # stands for a digit, % for a hexadecimal one.
  std::vector<const char*> hints;
  // Whether what was found is meant; nothing: it is.
  bool (*is_meant)(std::string_view found) = nullptr;
};

// Raised with each change of what is found that neither a name, a pattern nor a hint shows: an
// is_meant, names_a_secret(), or how a text is walked.
inline constexpr int kRedactionVersion = 2;

// Another one for other rules, and for another version.
[[nodiscard]] std::string redaction_digest(const std::vector<RedactionRule>& rules, int version);

// In the order in which they are applied.
[[nodiscard]] const std::vector<RedactionRule>& redaction_rules();

// Whether a member of this name in JSON holds a secret: "password", "api_key", "x-auth-token".
[[nodiscard]] bool names_a_secret(std::string_view key);

}  // namespace provenance
