// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <timmy/services.hpp>

namespace triage {

// The numbers after `prefix` of the keys that are a prefix and a number, however many there are.
[[nodiscard]] std::set<std::int64_t> numbers_after(const timmy::State& state,
                                                   const std::string& prefix);

}  // namespace triage
