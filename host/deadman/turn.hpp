// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/clock.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

// How often who waits for its turn tries. Short, so that the gaps between the looks of one that
// looks at many are found; such a one leaves gaps of two steps.
inline constexpr Duration kTurnStep = std::chrono::milliseconds(20);

// Takes the state's lock. While another deadman has it, tries again until `limit` has passed;
// `pause` waits for so long as it is told. Throws what StateFile's constructor throws.
[[nodiscard]] StateFile take_turn(const std::filesystem::path& file, Duration limit,
                                  const std::function<void(Duration)>& pause);

// Whether a look that was kept in `file` is no longer ago than looks may stay away. One from the
// future is of a clock that was set back since, and says nothing.
[[nodiscard]] bool was_kept_lately(const std::filesystem::path& file, WallTime now);

}  // namespace host::deadman
