// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

namespace host::deadman {

// Has `work` done by a thread that nobody waits for: for calls to a file system or a directory of
// users that may be away, which answers nothing, and of which nothing but the end of the process
// ends the wait. The thread has descriptors of its own, and of this process's none but the standard
// ones and copies of those in `keep`, by the same numbers. Else a process that is killed would keep
// its record locks and its sockets for as long as one thread of it waits in the kernel: the lock of
// the state, so that no other deadman could work, and that of a whole host. When this returns, it
// has them. `work` throws nothing. Throws std::system_error where no thread is to be had.
void start_apart(std::function<void()> work, std::vector<int> keep = {});

}  // namespace host::deadman
