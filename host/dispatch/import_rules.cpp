// SPDX-License-Identifier: Apache-2.0
#include "dispatch/import_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dispatch/playbook_paths.hpp"

namespace host::dispatch {
namespace {

using Reason = std::optional<std::string>;

Reason outside(const std::vector<std::string>& paths, std::string_view path) {
  const auto fits = [&](const std::string& pattern) { return path_matches(pattern, path); };
  if (paths.empty() || std::any_of(paths.begin(), paths.end(), fits)) return std::nullopt;
  return fmt::format("is not for this lane, which may touch {}", fmt::join(paths, ", "));
}

}  // namespace

workspaces::ImportRules import_rules(const Playbook& playbook, const Lane& lane) {
  workspaces::ImportRules rules;
  // Without `denied` nothing may be touched.
  if (playbook.report.kind != ReportKind::pull_request) return rules;
  const auto& diff = playbook.gates.diff;
  rules.denied = [diff, paths = lane.paths](std::string_view path) -> Reason {
    if (const auto pattern = diff.denying(path); !pattern.empty())
      return fmt::format("may not be touched ({})", pattern);
    return outside(paths, path);
  };
  rules.denied_link = [diff](std::string_view path) -> Reason {
    const auto pattern = diff.denying_below(path);
    if (pattern.empty()) return std::nullopt;
    return "may be no link and no submodule, which would bring what is denied: " + pattern;
  };
  rules.submodules =
      std::find(diff.denied.begin(), diff.denied.end(), ".gitmodules") == diff.denied.end();
  return rules;
}

}  // namespace host::dispatch
