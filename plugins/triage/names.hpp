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

// As the forge compares logins and names of teams: ASCII letters of either case are the same.
[[nodiscard]] inline bool same_login(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

[[nodiscard]] inline bool has_login(const Names& logins, std::string_view login) {
  return std::any_of(logins.begin(), logins.end(),
                     [&](const std::string& each) { return same_login(each, login); });
}

}  // namespace triage
