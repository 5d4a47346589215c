// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/clock.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

// Takes the state's lock. While another deadman has it, tries again until `limit` has passed;
// `pause` waits for so long as it is told. Throws what StateFile's constructor throws.
[[nodiscard]] StateFile take_turn(const std::filesystem::path& file, Duration limit,
                                  const std::function<void(Duration)>& pause);

}  // namespace host::deadman
