// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runs/run.hpp"
#include "runs/supervisors.hpp"

namespace host::runs {

// What would hold a run here: runs /bin/true as one that may reach the meter alone, in a folder of
// its own in `parent`, which is removed. Blocks, at most 15 s. Throws Error{io} or {timed_out} when
// no supervisor answers, and what Supervisors::start() throws.
[[nodiscard]] InForce probe_containment(Supervisors& supervisors,
                                        const std::filesystem::path& parent);

// What that means for an agent that means harm, a sentence each: that it could outlive its run,
// pass the meter by, and the like. Empty: nothing.
[[nodiscard]] std::vector<std::string> what_is_not_held(const InForce& in_force);

}  // namespace host::runs
