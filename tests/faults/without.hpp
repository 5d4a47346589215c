// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

namespace host::faults {

// Becomes the host on a machine that lacks what `filter` denies: it inherits that, and so do its
// workers and supervisors. Returns main()'s status, since it failed.
inline int become_host(scmp_filter_ctx filter, bool complete, char** arguments) {
  constexpr int kFailed = 71;
  if (!complete || seccomp_load(filter) != 0) return kFailed;
  ::execv(TIMMY_BIN "/timmy-host", arguments);
  ::perror(TIMMY_BIN "/timmy-host");
  return kFailed;
}

}  // namespace host::faults
