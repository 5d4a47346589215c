// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <timmy/tokens.hpp>

namespace budget {

// When the cap's tokens are used up if they go on as they did since it began anew; nullopt: not
// before it does so again, or that can't be told (too early, nothing used, a cap that lasts).
[[nodiscard]] std::optional<timmy::Time> runs_out(const timmy::TokenStanding& standing,
                                                  timmy::Time now);

// "used up, begins anew at 2026-01-06 00:00 UTC", "runs out at 17:40 UTC", "lasts", "".
[[nodiscard]] std::string forecast(const timmy::TokenStanding& standing, timmy::Time now);

}  // namespace budget
