// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "runs/run.hpp"

namespace host::runs::supervisor {

// A cgroup (version 2) of a run's own, in a folder that was delegated to this user. Removed, with
// what is left in it, when it goes.
class ControlGroup {
 public:
  // In `parent`, named by the run. Throws when it can't be made.
  ControlGroup(const std::filesystem::path& parent, const std::string& id, const RunLimits& limits);
  ~ControlGroup();
  ControlGroup(const ControlGroup&) = delete;

  // Puts a process in, and with it what it starts. Throws.
  void add(pid_t pid) const;
  // Kills all in it, now. Nothing is thrown.
  void kill() const noexcept;

  // Kills all in it, waits a second for it at most, and removes it. Whether it is gone.
  [[nodiscard]] bool end() const noexcept;

  // Whether the kernel holds the run to this.
  [[nodiscard]] bool bounds_memory() const { return memory_; }
  [[nodiscard]] bool bounds_processes() const { return processes_; }
  // Whether the kernel killed for memory.
  [[nodiscard]] bool out_of_memory() const;
  [[nodiscard]] std::uint64_t peak_memory() const;  // 0: not known
  [[nodiscard]] std::string text() const;           // what it bounds, for people
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  bool memory_ = false;
  bool processes_ = false;
};

// Kills what is in a cgroup, waits a moment for it, and removes it. Whether it is gone.
bool end_control_group(const std::filesystem::path& folder) noexcept;

}  // namespace host::runs::supervisor
