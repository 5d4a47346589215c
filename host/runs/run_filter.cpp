// SPDX-License-Identifier: Apache-2.0
#include "runs/run_filter.hpp"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "workers/filter_rules.hpp"

namespace host::runs {
namespace {

constexpr scmp_datum_t kLinuxConsole = 0x541C;  // TIOCLINUX, which types into a console, too

void deny_other_programs(FilterRules& rules) {
  rules.deny({SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
              SCMP_SYS(process_madvise), SCMP_SYS(process_mrelease), SCMP_SYS(kcmp),
              SCMP_SYS(pidfd_getfd), SCMP_SYS(migrate_pages), SCMP_SYS(move_pages)});
  for (const scmp_datum_t request : {scmp_datum_t{TIOCSTI}, kLinuxConsole})
    rules.deny_if({SCMP_SYS(ioctl)}, SCMP_A1(SCMP_CMP_MASKED_EQ, kInt, request));
}

void deny_namespaces(FilterRules& rules) {
  rules.deny({SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(chroot), SCMP_SYS(pivot_root)});
  for (const scmp_datum_t flag : {CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                                  CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP})
    rules.deny_if({SCMP_SYS(clone)}, SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
  // Its flags stand in memory, where a filter can't read them; libraries then use clone.
  rules.deny({SCMP_SYS(clone3)}, ENOSYS);
  rules.deny({SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at)});
}

// By what is allowed, as each family is a door of its own: AF_VSOCK leads to the machine that this
// one runs on, whatever the network namespace.
void deny_sockets(FilterRules& rules, UnixSockets unix_sockets) {
  const auto allowed = [&](scmp_datum_t family) {
    return family == AF_INET || family == AF_INET6 || family == AF_NETLINK ||
           (family == AF_UNIX && unix_sockets == UnixSockets::allowed);
  };
  for (scmp_datum_t family = 0; family <= AF_NETLINK; ++family)
    if (!allowed(family))
      rules.deny_if({SCMP_SYS(socket)}, SCMP_A0(SCMP_CMP_EQ, family), EAFNOSUPPORT);
  rules.deny_if({SCMP_SYS(socket)}, SCMP_A0(SCMP_CMP_GT, AF_NETLINK), EAFNOSUPPORT);
  rules.deny({SCMP_SYS(socketcall)});
}

}  // namespace

std::vector<sock_filter> run_filter(UnixSockets unix_sockets) {
  FilterRules rules;
  deny_other_programs(rules);
  deny_namespaces(rules);
  deny_sockets(rules, unix_sockets);
  deny_the_machine(rules);
  return rules.program();
}

}  // namespace host::runs
