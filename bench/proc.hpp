// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of a process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bench {

// KiB of one line of its smaps_rollup: "Anonymous", "Pss".
[[nodiscard]] double memory_of(pid_t pid, const std::string& name);
// How often it left its sleep, all threads together, since it started.
[[nodiscard]] double wakeups(pid_t pid);
[[nodiscard]] int open_descriptors(pid_t pid);
// Processes whose parent it is, ended ones that it has not reaped among them.
[[nodiscard]] std::vector<pid_t> children(pid_t pid);

}  // namespace bench
