// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace triage {

using Names = std::vector<std::string>;

[[nodiscard]] inline bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// As the forge compares logins and names of teams and repositories: ASCII letters of either case
// are the same.
[[nodiscard]] inline std::string lowered(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

[[nodiscard]] inline bool same_login(std::string_view a, std::string_view b) {
  return lowered(std::string(a)) == lowered(std::string(b));
}

[[nodiscard]] inline bool has_login(const Names& logins, std::string_view login) {
  return std::any_of(logins.begin(), logins.end(),
                     [&](const std::string& each) { return same_login(each, login); });
}

}  // namespace triage
