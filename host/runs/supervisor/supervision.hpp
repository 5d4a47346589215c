// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/file.hpp"
#include "runs/run.hpp"
#include "runs/run_frame.hpp"

namespace host::runs::supervisor {

// What a supervisor is given.
struct Task {
  RunSpec spec;
  Fd channel;                     // to the host
  RunFrameReader reader;          // with what the host has said besides
  Fd lock;                        // held as long as something of the run is left
  Fd input;                       // or none
  std::filesystem::path cgroups;  // a delegated folder for the run's; empty: there is none
};

// Runs it to its end, and tells the host. Blocks. Needs a process of its own, of one thread, that
// has nothing else to do: it forks, adopts orphans, and reaps whatever ends. When the host is gone
// the run is ended and nobody told.
void supervise(Task task);

}  // namespace host::runs::supervisor
