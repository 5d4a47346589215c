// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/file.hpp"

namespace host {

// Only one host works on a state directory. Held as an fcntl(2) record lock: it goes with this
// process, whatever ends it, and no child inherits it (flock(2) would survive in an orphan).
class InstanceLock {
 public:
  // Creates the file if need be and writes our pid into it. Throws Error{already_running} naming
  // the other host's pid. Nothing else in this process may ever open the file: closing any
  // descriptor of it would drop the lock.
  explicit InstanceLock(const std::filesystem::path& path);

 private:
  Fd fd_;
};

// The pid of the host that holds the lock, or 0 if nobody does. For commands in other processes.
[[nodiscard]] pid_t lock_holder(const std::filesystem::path& path);

}  // namespace host
