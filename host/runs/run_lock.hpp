// SPDX-License-Identifier: Apache-2.0
//
// A file that is locked for as long as anything of a run is left, also when the host that started
// it is gone: before an item is started again, its last run must have ended.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>

#include "base/file.hpp"
#include "base/loop.hpp"

namespace host::runs {

// runs/<id>/lock
[[nodiscard]] std::filesystem::path lock_path(const std::filesystem::path& run_folder);

// Makes the file and locks it (an open file description's lock, which passes with the descriptor to
// the supervisor). Throws Error{conflict} when it is held, Error{io}.
[[nodiscard]] Fd take_lock(const std::filesystem::path& lock);

// What is in the file, so that what outlives the lock can be told, too: a run's processes are
// killed a moment after its supervisor's descriptors are closed.
struct LockRecord {
  pid_t supervisor = 0;
  pid_t first = 0;               // the run's first process: with it all others have gone
  std::filesystem::path cgroup;  // of the run; empty: none
};
void write_lock_record(int lock, const LockRecord& record);

// Whether something of the run is still there. No file: no. Throws Error{io} when that can't be
// told. Any thread.
[[nodiscard]] bool still_runs(const std::filesystem::path& lock);

// Calls `ended` on the loop once nothing of the run is left, never from inside this call: looks
// each 50 ms, with a pause that grows to a second. Where a cgroup held the run, what is left in it
// is killed. Destroying it stops that.
class LockWait {
 public:
  LockWait(Loop& loop, std::filesystem::path lock, std::function<void()> ended);

 private:
  void look();

  Loop& loop_;
  std::filesystem::path lock_;
  std::function<void()> ended_;
  Duration pause_ = std::chrono::milliseconds(50);
  Timer timer_;
};

}  // namespace host::runs
