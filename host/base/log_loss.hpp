// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace host {

// How many lines of a log to stderr the kernel did not take, whole or in part, since this process
// began: the disk is full, or nobody reads them. Thread-safe.
[[nodiscard]] std::uint64_t lost_log_lines() noexcept;

}  // namespace host
