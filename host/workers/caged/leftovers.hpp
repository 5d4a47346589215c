// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/file.hpp"

namespace host::caged {

// Counts what a run leaves behind in its worker: threads, open descriptors, child processes, by
// three system calls. Opened before the cage, which hides /proc.
class Leftovers {
 public:
  struct Counts {
    std::uint32_t threads = 0;
    std::uint32_t descriptors = 0;
    std::uint32_t children = 0;
  };

  Leftovers();

  // What there is now is what there may be: call when the plugin has been made.
  void set_baseline();

  // What there is beyond the baseline. A thread that was joined may take the kernel a moment to
  // end; waits up to 20 ms for it.
  [[nodiscard]] Counts beyond_baseline() const;

  [[nodiscard]] const Fd& tasks() const { return tasks_; }
  [[nodiscard]] const Fd& descriptors() const { return descriptors_; }

 private:
  [[nodiscard]] Counts count() const;

  Fd tasks_;        // /proc/self/task
  Fd descriptors_;  // /proc/self/fd
  Counts baseline_;
};

}  // namespace host::caged
