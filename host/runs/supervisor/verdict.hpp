// SPDX-License-Identifier: Apache-2.0
//
// From what a supervisor saw to how the run ended, in words. Pure.
#pragma once

#include <optional>
#include <string>

#include "runs/run.hpp"

namespace host::runs::supervisor {

// How a process ended.
struct ProgramEnd {
  bool signalled = false;
  int number = 0;
};

struct Seen {
  // Why the run was ended from here; none: it was not.
  std::optional<RunEnding::Kind> stop;
  std::string why;
  std::optional<ProgramEnd> program;  // none: its first process went without a word of it
  bool killed = false;                // by SIGKILL from here, before the program had ended
  bool out_of_memory = false;         // the kernel killed for it
  std::uint64_t most_memory = 0;      // bytes, the limit
};

// Kind, number, killed and evidence of the ending.
[[nodiscard]] RunEnding ending_of(const Seen& seen);

}  // namespace host::runs::supervisor
