// SPDX-License-Identifier: Apache-2.0
#include "gitea/pull_types.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace host {

void require_merge_style(std::string_view style) {
  constexpr std::array<std::string_view, 5> kStyles{"merge", "rebase", "rebase-merge", "squash",
                                                    "fast-forward-only"};
  if (std::find(kStyles.begin(), kStyles.end(), style) == kStyles.end())
    throw Error(Code::usage, "\"" + std::string(style.substr(0, 100)) + "\" is no style of merging",
                "Use merge, rebase, rebase-merge, squash or fast-forward-only.");
}

std::string_view name(CheckState state) {
  switch (state) {
    case CheckState::none: return "none";
    case CheckState::pending: return "pending";
    case CheckState::success: return "success";
    case CheckState::failure: return "failure";
  }
  throw Error(Code::internal, "no such state of checks");
}

CheckState sum_of(const std::vector<CommitStatus>& statuses) {
  CheckState sum = CheckState::none;
  for (const auto& status : statuses) {
    if (status.state == "error" || status.state == "failure" || status.state == "warning")
      return CheckState::failure;
    const bool done = status.state == "success" || status.state == "skipped";
    if (!done)
      sum = CheckState::pending;
    else if (sum == CheckState::none)
      sum = CheckState::success;
  }
  return sum;
}

}  // namespace host
