// SPDX-License-Identifier: Apache-2.0
//
// The work that a round on the sample forge dispatches: a playbook, its lane, and an agent that is
// a script, which mends the one word that the issue is about.
#pragma once

#include <filesystem>

#include "base/json.hpp"
#include "config/paths.hpp"

namespace host::e2e {

// The issue of forge::kSampleRepo that it takes.
inline constexpr int kDemoIssue = 2;
inline constexpr const char* kDemoBranch = "timmy/issue-2";

// Puts playbook, lane and a budget where the host looks for them, and the agent into `agent`, a
// folder that holds nothing else. Returns what host.yaml says of them under `defaults.playbooks`.
// Throws Error.
[[nodiscard]] Json write_demo_work(const Paths& paths, const std::filesystem::path& agent);

}  // namespace host::e2e
