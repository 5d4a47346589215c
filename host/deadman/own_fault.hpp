// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "deadman/runner.hpp"

namespace host::deadman {

// That the deadman itself can't work: what it keeps can't be read or kept, so nothing is judged or
// restarted, and no watch's own alert can be remembered.
struct OwnFault {
  std::string host_name;
  std::string why;
  WallTime at;
};

// Tells a person, by `alert`, at most once an hour: by the time of the file `mark`, which is made
// with its folder and holds nothing, so that a full disk leaves room for it. Nothing is run where
// that can't be, or each look would tell. None when there was nothing to do; else whether somebody
// was told, or why not. Throws nothing.
[[nodiscard]] std::optional<Ending> tell_own_fault(const OwnFault& fault,
                                                   const std::vector<std::string>& alert,
                                                   const std::filesystem::path& mark,
                                                   Runner& runner);

}  // namespace host::deadman
