// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook_paths.hpp"

#include <algorithm>

#include "base/glob.hpp"

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

// reached[i]: the pattern's parts so far fit the path's first i.
using Reached = std::vector<bool>;

Reached at_start(const std::vector<std::string_view>& given) {
  Reached reached(given.size() + 1, false);
  reached[0] = true;
  return reached;
}

// With one part of the pattern more.
Reached after(std::string_view part, const std::vector<std::string_view>& given,
              const Reached& reached) {
  Reached next(reached.size(), false);
  for (std::size_t i = 0; i < reached.size(); ++i)
    if (part == "**")
      next[i] = reached[i] || (i > 0 && next[i - 1]);
    else if (i > 0)
      next[i] = reached[i - 1] && matches_glob(part, given[i - 1]);
  return next;
}

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
  const auto given = parts_of(path);
  if (!std::all_of(given.begin(), given.end(), is_plain)) return false;
  auto reached = at_start(given);
  for (const auto part : parts_of(pattern)) reached = after(part, given, reached);
  // What lies under a folder that fits, fits.
  return std::find(reached.begin(), reached.end(), true) != reached.end();
}

bool path_leads_to(std::string_view pattern, std::string_view path) {
  const std::string low_pattern = lower(pattern), low_path = lower(path);
  const auto given = parts_of(low_path);
  auto wanted = parts_of(low_pattern);
  wanted.pop_back();  // where the last part fits, too, it is the thing itself
  auto reached = at_start(given);
  bool anywhere = true;  // nothing but "**" so far
  for (const auto part : wanted) {
    reached = after(part, given, reached);
    anywhere = anywhere && part == "**";
    if (!anywhere && reached.back()) return true;
  }
  return false;
}

bool path_matches_any_case(std::string_view pattern, std::string_view path) {
  return path_matches(lower(pattern), lower(path));
}

const std::vector<std::string>& locked_paths() {
  static const std::vector<std::string> all = {".appveyor.yml",
                                               ".build.yml",
                                               ".buildkite",
                                               ".builds",
                                               ".circleci",
                                               ".cirrus.star",
                                               ".cirrus.yml",
                                               ".crow",
                                               ".drone.jsonnet",
                                               ".drone.star",
                                               ".drone.yml",
                                               ".forgejo/CODEOWNERS",
                                               ".forgejo/actions",
                                               ".forgejo/workflows",
                                               ".gitea/CODEOWNERS",
                                               ".gitea/actions",
                                               ".gitea/workflows",
                                               ".githooks",
                                               ".github/CODEOWNERS",
                                               ".github/actions",
                                               ".github/workflows",
                                               ".gitlab-ci.yml",
                                               ".gitlab/CODEOWNERS",
                                               ".gitlab/ci",
                                               ".gitmodules",
                                               ".husky",
                                               ".lefthook",
                                               ".lefthook.json",
                                               ".lefthook.toml",
                                               ".lefthook.yaml",
                                               ".lefthook.yml",
                                               ".overcommit.yml",
                                               ".pre-commit-config.yaml",
                                               ".pre-commit-hooks.yaml",
                                               ".semaphore",
                                               ".teamcity",
                                               ".timmy",
                                               ".travis.yml",
                                               ".woodpecker",
                                               ".woodpecker.yaml",
                                               ".woodpecker.yml",
                                               "CODEOWNERS",
                                               "Jenkinsfile",
                                               "appveyor.yml",
                                               "azure-pipelines.yml",
                                               "bitbucket-pipelines.yml",
                                               "cloudbuild.yaml",
                                               "docs/CODEOWNERS",
                                               "lefthook.json",
                                               "lefthook.toml",
                                               "lefthook.yaml",
                                               "lefthook.yml"};
  return all;
}

}  // namespace host::dispatch
