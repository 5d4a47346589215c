// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook_paths.hpp"

#include <algorithm>

#include "tokens/banned.hpp"

namespace host::dispatch {
namespace {

constexpr std::size_t kLongest = 1024;

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == path.npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool is_plain(std::string_view part) { return !part.empty() && part != "." && part != ".."; }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

}  // namespace

std::optional<std::string> path_pattern_fault(std::string_view pattern) {
  if (pattern.size() > kLongest) return "is longer than 1024 bytes";
  if (std::any_of(pattern.begin(), pattern.end(),
                  [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return "holds a control character";
  if (pattern.starts_with('/'))
    return "is absolute; expected a path inside the repository, such as src or docs/*.md";
  for (const auto part : parts_of(pattern)) {
    if (!is_plain(part)) return "has an empty, \".\" or \"..\" part; expected a path such as src";
    if (part != "**" && part.find("**") != part.npos)
      return "has \"**\" beside other text; expected it alone between slashes";
  }
  return std::nullopt;
}

bool path_matches(std::string_view pattern, std::string_view path) {
  const auto wanted = parts_of(pattern), given = parts_of(path);
  if (!std::all_of(given.begin(), given.end(), is_plain)) return false;
  // reached[i]: the pattern's parts so far fit the path's first i.
  std::vector<bool> reached(given.size() + 1, false);
  reached[0] = true;
  for (const auto part : wanted) {
    std::vector<bool> next(reached.size(), false);
    for (std::size_t i = 0; i < reached.size(); ++i) {
      if (part == "**")
        next[i] = reached[i] || (i > 0 && next[i - 1]);
      else if (i > 0)
        next[i] = reached[i - 1] && matches_glob(part, given[i - 1]);
    }
    reached = std::move(next);
  }
  // What lies under a folder that fits, fits.
  return std::find(reached.begin(), reached.end(), true) != reached.end();
}

bool path_matches_any_case(std::string_view pattern, std::string_view path) {
  return path_matches(lower(pattern), lower(path));
}

const std::vector<std::string>& locked_paths() {
  static const std::vector<std::string> all = {".drone.yml",
                                               ".forgejo/workflows",
                                               ".gitea/workflows",
                                               ".githooks",
                                               ".github/workflows",
                                               ".gitlab-ci.yml",
                                               ".gitmodules",
                                               ".husky",
                                               ".pre-commit-config.yaml",
                                               ".timmy",
                                               ".woodpecker",
                                               ".woodpecker.yaml",
                                               ".woodpecker.yml",
                                               "Jenkinsfile"};
  return all;
}

}  // namespace host::dispatch
