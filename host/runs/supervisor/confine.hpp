// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runs/run.hpp"

namespace host::runs::supervisor {

// What the program's process does last, with no way back.
struct Confinement {
  const RunSpec* spec = nullptr;
  bool private_root = false;  // it stands in one
  bool own_pids = false;      // /proc is its own
  bool own_users = false;     // its processes are counted apart from the user's others
  bool own_network = false;
};

// What of it is in force: processes (by its user namespace), landlock and seccomp of InForce. The
// only thread of the process. Throws what must not be done without: capabilities, no_new_privs,
// limits.
[[nodiscard]] InForce confine(const Confinement& confinement);

// Becomes the program, with `environment` as its own. Only returns by throwing Error.
[[noreturn]] void become(const RunSpec& spec);

// Gives every capability up, also those that an exec by root would give back.
void drop_capabilities_for_good();

}  // namespace host::runs::supervisor
