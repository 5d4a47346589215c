// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <timmy/plugin.hpp>

#include "snapshot.hpp"
#include "step.hpp"

namespace triage {

struct Sent {
  bool dry_run = false;           // the host sent nothing
  std::optional<Snapshot> issue;  // as it is then, where the forge said
};

// Sends one step to the forge. Throws as the services do, and Retryable "not_applied" where the
// reply does not show what was asked for.
[[nodiscard]] Sent send(timmy::Context& ctx, const Snapshot& issue, const Step& step,
                        timmy::Time now);

}  // namespace triage
