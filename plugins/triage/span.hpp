// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <timmy/services.hpp>

namespace triage {

// The config's duration of this key. Throws timmy::Permanent "bad_duration" naming `task` and key.
[[nodiscard]] std::chrono::seconds span_at(const timmy::Json& config, const char* key,
                                           const char* task);

}  // namespace triage
