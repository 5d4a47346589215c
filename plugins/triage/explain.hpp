// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/plugin.hpp>

#include "rules.hpp"

namespace triage {

// What a round would do to one issue now, and why: for each rule its conditions, what there was and
// whether it held; the steps; what a person's word holds back. Reads, and writes nothing. Throws as
// the services do where the issue can't be read.
[[nodiscard]] timmy::Json explain(timmy::Context& ctx, const Names& repos, const Rules& rules,
                                  const std::string& repo, std::int64_t number);

}  // namespace triage
