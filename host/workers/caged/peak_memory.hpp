// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/file.hpp"

namespace host::caged {

// The most memory that this program has had resident. Not getrusage()'s: that one begins with what
// the process was before exec, a copy of the host. Opened before the cage, which hides /proc.
class PeakMemory {
 public:
  PeakMemory();
  // 0 when the kernel doesn't say.
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] const Fd& status() const { return status_; }

 private:
  Fd status_;  // /proc/self/status, proc(5)
};

}  // namespace host::caged
