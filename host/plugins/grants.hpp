// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace host {

// What the operator lets one plugin do: from a grant's name ("gitea.read") to the values it covers
// ("org/*"). A manifest only asks; nothing is granted but what stands in host.yaml, and a host's
// entry there replaces the default's. A plain value: copied, compared, any thread.
//
// A value is a glob: `*` stands for any run of characters but "/", and alone for everything; every
// other character stands for itself. Matching is byte by byte: who asks normalises first (a host
// name to lower case, for one); but the forge's names, in "gitea.*", are compared without ASCII
// case, as the forge does. A value with an empty, "." or ".." segment, or with a control byte,
// matches nothing, so that "org/.." is not "org/*".
class Grants {
 public:
  Grants() = default;
  explicit Grants(std::map<std::string, std::vector<std::string>> values);

  // From {"gitea.read": ["org/*"], "tokens.read": true}: a list of texts, one text, or true (same
  // as ["*"]). Throws Error{invalid} naming the grant on anything else.
  [[nodiscard]] static Grants from(const Json& map);

  // Whether `grant` covers `value`.
  [[nodiscard]] bool permits(std::string_view grant, std::string_view value) const;

  // Whether `grant`, one of the forge's, covers any repository of `owner`.
  [[nodiscard]] bool reaches(std::string_view grant, std::string_view owner) const;

  // Whether `grant` covers anything at all.
  [[nodiscard]] bool has(std::string_view grant) const;

  // The globs of one grant, as written; empty when it isn't granted.
  [[nodiscard]] const std::vector<std::string>& values(std::string_view grant) const;

  // {"gitea.read": ["org/*"], ...}, sorted by name.
  [[nodiscard]] Json json() const;

  // "gitea.read: org/*; http: a:443, b:443", for tables.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  [[nodiscard]] bool operator==(const Grants&) const = default;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// Whether `glob` covers `value`, by the rules above.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view value);

}  // namespace host
