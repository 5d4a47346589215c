// SPDX-License-Identifier: Apache-2.0
//
// Becomes the host on a kernel without Landlock: a filter that it inherits, and its workers from
// it, answers as such a kernel would.
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

#include <initializer_list>

int main(int, char** arguments) {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  for (const int call : {SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
                         SCMP_SYS(landlock_restrict_self)})
    if (filter == nullptr || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0) != 0)
      return 71;
  if (seccomp_load(filter) != 0) return 71;
  ::execv(TIMMY_BIN "/timmy-host", arguments);
  ::perror(TIMMY_BIN "/timmy-host");
  return 71;
}
