// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "dispatch/dispatcher_outside.hpp"

namespace host::dispatch {

// What the agent is told: the playbook's prompt with all that it may name put in.
[[nodiscard]] std::string attempt_prompt(const AttemptOrder& order,
                                         const std::filesystem::path& report_file);

}  // namespace host::dispatch
