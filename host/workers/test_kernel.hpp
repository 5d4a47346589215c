// SPDX-License-Identifier: Apache-2.0
//
// What the kernel under a test has, by its own word. A test of the cage that asked the cage would
// take a layer that is broken for one that the machine lacks.
#pragma once

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

namespace host {

// Whether this kernel can enforce "landlock" or "seccomp".
inline bool kernel_has(std::string_view layer) {
  if (layer == "landlock")
    return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
  return ::prctl(PR_GET_SECCOMP) >= 0;
}

}  // namespace host
