// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

#include "runs/supervisor/first_process.hpp"

namespace host::runs::supervisor {

// What to try, the best first: without a user namespace where this is root, with one else. The last
// has none at all, which always works. `network`: whether one of its own is wanted.
[[nodiscard]] std::vector<Namespaces> namespaces_to_try(bool network);

// Forks into them. In the child, returns 0: as in any fork, of a process that has one thread. In
// the parent, the child's pid; or -1, errno set, when the kernel refuses.
[[nodiscard]] pid_t fork_into(const Namespaces& namespaces);

// Gives the child's user namespace this user and group as they are. Throws.
void map_own_user(pid_t child);

}  // namespace host::runs::supervisor
