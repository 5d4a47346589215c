// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <timmy/context.hpp>

namespace budget {

// Compares how the caps stand with what was noted the last time: logs each pause that began or
// ended, and each cap that passed the level at which it warns, once for each of its days. Enforces
// nothing, which the host does by itself. Kept in state/1: "pauses", by pipeline {"cause", "since",
// "until"}, and "warned", by cap its day. Returns {"paused", "warned", "reached"}.
timmy::Json reconcile(timmy::Context& ctx);

}  // namespace budget
