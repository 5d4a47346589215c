// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <timmy/failure.hpp>

namespace triage {

// Whether a write was refused since the run has made as many as it may. The code alone is no sign:
// the host says it of a list or a reply, too.
[[nodiscard]] inline bool is_write_cap(const timmy::Permanent& failure) {
  return failure.code() == "too_large" &&
         std::string_view(failure.what()).find("limits.mutations") != std::string_view::npos;
}

}  // namespace triage
