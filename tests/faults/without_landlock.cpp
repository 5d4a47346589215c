// SPDX-License-Identifier: Apache-2.0
//
// Becomes the host on a kernel without Landlock: its calls are answered as such a kernel would.
#include <errno.h>

#include <initializer_list>

#include "faults/without.hpp"

int main(int, char** arguments) {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  bool complete = filter != nullptr;
  for (const int call : {SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
                         SCMP_SYS(landlock_restrict_self)})
    complete = complete && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0) == 0;
  return host::faults::become_host(filter, complete, arguments);
}
