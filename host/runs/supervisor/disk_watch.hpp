// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"

namespace host::runs::supervisor {

// What is below a folder takes so many bytes of disk. Other file systems in it are left out, links
// not followed, and a folder that its owner can't read is opened up. Throws Error{too_large} for
// folders in folders without end.
[[nodiscard]] std::uint64_t bytes_on_disk(const Fd& folder);

// Looks now and then what a run's folders take, and whether their disk is as good as full. On a
// thread of its own: a look at a large clone takes seconds, in which output and deadline must not
// wait. Make it after the last fork.
class DiskWatch {
 public:
  // `most`: bytes of all folders together.
  DiskWatch(const std::vector<std::filesystem::path>& folders, std::uint64_t most);
  ~DiskWatch();

  // Readable once it is too much.
  [[nodiscard]] int descriptor() const { return event_.get(); }
  // Why, then.
  [[nodiscard]] std::string evidence() const;

 private:
  void watch(const std::stop_token& stopped);
  [[nodiscard]] bool look();
  [[nodiscard]] std::uint64_t free_bytes() const;
  void tell(std::string evidence);

  std::vector<Fd> folders_;
  std::uint64_t most_;
  Fd event_;
  mutable std::mutex mutex_;
  std::string evidence_;
  std::jthread thread_;
};

}  // namespace host::runs::supervisor
