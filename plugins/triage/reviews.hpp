// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <timmy/plugin.hpp>

#include "cap_watch.hpp"
#include "reviewing.hpp"

namespace triage {

// One run of review_prs: judges each open pull request that is no draft by one look at it, says so
// in one comment, rejects by policy, merges where the config says so. Payload: {"repo", "number"},
// which an event brings, looks at that one, if it is still there; {"repo"} at that repository;
// {"event": "status", "repo", "ref"} at those there whose head is that commit. `now`: what looks
// are dated by; one that is older than 30 s, or not of what is there, is taken anew before anything
// is written.
[[nodiscard]] timmy::Json review_prs(timmy::Context& ctx, const Names& repos,
                                     const Reviewing& reviewing, const timmy::Json& payload,
                                     CapWatch watch, const std::function<timmy::Time()>& now);

}  // namespace triage
