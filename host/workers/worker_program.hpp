// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/file.hpp"
#include "base/loop.hpp"
#include "base/process.hpp"

namespace host {

// A timmy-worker process that has been told nothing yet, with the host's ends of its channel and of
// its output. Destroying it kills the process.
struct WorkerProgram {
  Child child;
  Fd channel;
  Fd output;
  // The host's own peak when it started the process, in bytes: what the kernel takes for the
  // child's until that has grown past it.
  std::uint64_t peak_before = 0;
};

// Starts one. Throws when it can't be started.
[[nodiscard]] WorkerProgram start_worker(const std::filesystem::path& program);

// A process that stands by for the next run that wants one of its own: exec and the dynamic linker
// take longer than all the rest of a short run. Loop thread.
class Standby {
 public:
  // Both outlive it.
  Standby(Loop& loop, const std::filesystem::path& program) : loop_(loop), program_(program) {}

  // Starts a process for the next take(), if none is there. It ends when nobody has taken it within
  // `idle`. That none could be started is not told: take() tries again.
  void prepare(Duration idle);

  // The process that stands by, else a new one. Throws when there is none and it can't be started.
  [[nodiscard]] WorkerProgram take();

  // Ends the process.
  void clear() { ready_.reset(); }

  // Of the process that stands by; 0: none does.
  [[nodiscard]] int pid() const { return ready_ ? ready_->child.pid() : 0; }

 private:
  Loop& loop_;
  const std::filesystem::path& program_;
  std::optional<WorkerProgram> ready_;
  Timer idle_timer_;
};

}  // namespace host
