// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/file.hpp"

namespace host::runs::supervisor {

struct Measured {
  int tasks = 0;             // processes and threads
  std::uint64_t memory = 0;  // bytes, of all of them, what they share counted once for each
};

// The processes of a run, as /proc tells.
class Processes {
 public:
  // All that stand in this /proc, which is their namespace's own. The first one is not counted.
  [[nodiscard]] static Processes of_namespace(Fd proc);
  // Those that `ancestor` started, and those in turn, however they hide: this process or one that
  // adopts orphans. A process that starts others faster than one can look may be missed for once.
  [[nodiscard]] static Processes below(pid_t ancestor);

  // Nothing is thrown for a process that goes meanwhile.
  [[nodiscard]] Measured measure() const;
  // What they share counted once, which takes the kernel a while. 0: it can't be told.
  [[nodiscard]] std::uint64_t exact_memory() const;

  // Only of those below(): numbers in another namespace mean nothing here.
  void signal(int number) const;
  [[nodiscard]] bool any() const { return !pids().empty(); }

 private:
  Processes(Fd proc, pid_t ancestor) : proc_(std::move(proc)), ancestor_(ancestor) {}
  [[nodiscard]] std::vector<pid_t> pids() const;

  Fd proc_;
  pid_t ancestor_;  // 0: all in `proc_`
};

// Ends everything below this process, and reaps it: again and again, since what is killed may just
// have started another. Blocks, so long at most. Whether nothing is left: what the kernel holds
// (a disk that does not answer) outlives even SIGKILL.
[[nodiscard]] bool end_all_below(std::chrono::milliseconds patience = std::chrono::seconds(5));

}  // namespace host::runs::supervisor
