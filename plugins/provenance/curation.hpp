// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "pair.hpp"
#include "settings.hpp"

namespace provenance {

// Why a whole pair is not worth learning from: "truncated", "error", "refusal", "loop",
// "short_answer"; "": it is. What is too long is only known once it is written.
[[nodiscard]] std::string_view curated_out(const Turns& turns, const Pair& pair,
                                           const Filters& filters);

}  // namespace provenance
