// SPDX-License-Identifier: Apache-2.0
//
// Becomes the host on a machine that gives nobody a namespace, as many a container's does.
#include <errno.h>
#include <sched.h>

#include <initializer_list>

#include "faults/without.hpp"

int main(int, char** arguments) {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  // Its flags are in memory, where no filter sees them; without it the C library takes the others.
  bool complete = filter != nullptr &&
                  seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
  for (const scmp_datum_t kind :
       {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS})
    for (const int call : {SCMP_SYS(clone), SCMP_SYS(unshare)})
      complete = complete && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1,
                                              SCMP_A0(SCMP_CMP_MASKED_EQ, kind, kind)) == 0;
  return host::faults::become_host(filter, complete, arguments);
}
