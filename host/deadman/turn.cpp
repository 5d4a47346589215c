// SPDX-License-Identifier: Apache-2.0
#include "deadman/turn.hpp"

#include "base/error.hpp"

namespace host::deadman {

StateFile take_turn(const std::filesystem::path& file, Duration limit,
                    const std::function<void(Duration)>& pause) {
  // Short, so that the gaps between the looks of one that looks without a pause are found.
  constexpr Duration kStep = std::chrono::milliseconds(20);
  for (Duration waited{};; waited += kStep) {
    try {
      return StateFile(file);
    } catch (const Error& error) {
      if (error.code() != Code::already_running || waited >= limit) throw;
    }
    pause(kStep);
  }
}

}  // namespace host::deadman
