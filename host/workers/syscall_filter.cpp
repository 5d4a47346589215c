// SPDX-License-Identifier: Apache-2.0
#include "workers/syscall_filter.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workers/filter_rules.hpp"

namespace host {
namespace {

void deny_new_programs(FilterRules& rules) {
  rules.deny({SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork)});
  rules.deny_if({SCMP_SYS(clone)}, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  rules.deny({SCMP_SYS(clone3)}, ENOSYS);
  rules.deny({SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(chroot), SCMP_SYS(pivot_root)});
}

void deny_sockets(FilterRules& rules) {
  rules.deny({SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
              SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(socketcall),
              SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
              SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg)});
}

void deny_other_processes(FilterRules& rules) {
  rules.deny({SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
              SCMP_SYS(process_madvise), SCMP_SYS(process_mrelease), SCMP_SYS(kcmp),
              SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal),
              SCMP_SYS(tkill), SCMP_SYS(setpriority), SCMP_SYS(ioprio_set), SCMP_SYS(migrate_pages),
              SCMP_SYS(move_pages), SCMP_SYS(setpgid)});
  // abort(), raise() and pthread_kill() name this process.
  const auto own = static_cast<scmp_datum_t>(::getpid());
  rules.deny_if(
      {SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo)},
      SCMP_A0(SCMP_CMP_NE, own));
  // The same user's processes may be slowed, or ended by a limit of zero seconds. 0 is oneself.
  rules.deny_if({SCMP_SYS(prlimit64), SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_setscheduler),
                 SCMP_SYS(sched_setparam), SCMP_SYS(sched_setattr)},
                SCMP_A0(SCMP_CMP_NE, 0));
  // A descriptor's owner gets signals, whoever it is.
  for (const int command : {F_SETOWN, F_SETOWN_EX, F_SETSIG})
    rules.deny_if({SCMP_SYS(fcntl)},
                  SCMP_A1(SCMP_CMP_MASKED_EQ, kInt, static_cast<scmp_datum_t>(command)));
  for (const unsigned request : {FIOSETOWN, SIOCSPGRP, TIOCSTI})
    rules.deny_if({SCMP_SYS(ioctl)}, SCMP_A1(SCMP_CMP_MASKED_EQ, kInt, request));
  // What the worker has set about itself stays so.
  for (const int option : {PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER, PR_SET_MM})
    rules.deny_if({SCMP_SYS(prctl)},
                  SCMP_A0(SCMP_CMP_MASKED_EQ, kInt, static_cast<scmp_datum_t>(option)));
  rules.deny({SCMP_SYS(shmget), SCMP_SYS(shmat), SCMP_SYS(shmctl), SCMP_SYS(msgget),
              SCMP_SYS(msgsnd), SCMP_SYS(msgrcv), SCMP_SYS(msgctl), SCMP_SYS(semget),
              SCMP_SYS(semop), SCMP_SYS(semctl), SCMP_SYS(semtimedop), SCMP_SYS(ipc),
              SCMP_SYS(mq_open), SCMP_SYS(mq_unlink)});
}

void deny_file_changes(FilterRules& rules) {
  rules.deny({SCMP_SYS(openat2)}, ENOSYS);
  rules.deny({SCMP_SYS(truncate),
              SCMP_SYS(truncate64),
              SCMP_SYS(chmod),
              SCMP_SYS(fchmod),
              SCMP_SYS(fchmodat),
              kFchmodat2,
              SCMP_SYS(chown),
              SCMP_SYS(fchown),
              SCMP_SYS(lchown),
              SCMP_SYS(fchownat),
              SCMP_SYS(setxattr),
              SCMP_SYS(lsetxattr),
              SCMP_SYS(fsetxattr),
              kSetxattrat,
              SCMP_SYS(removexattr),
              SCMP_SYS(lremovexattr),
              SCMP_SYS(fremovexattr),
              kRemovexattrat,
              kFileSetattr,
              SCMP_SYS(name_to_handle_at),
              SCMP_SYS(open_by_handle_at)});
  // O_RDONLY|O_TRUNC empties a file, and access mode 3 may as well, while Landlock sees a read or
  // nothing at all.
  constexpr scmp_datum_t kMode = O_ACCMODE | O_TRUNC;
  for (const scmp_datum_t mode : {scmp_datum_t{O_RDONLY | O_TRUNC}, scmp_datum_t{O_ACCMODE},
                                  scmp_datum_t{O_ACCMODE | O_TRUNC}}) {
    rules.deny_if({SCMP_SYS(open)}, SCMP_A1(SCMP_CMP_MASKED_EQ, kMode, mode));
    rules.deny_if({SCMP_SYS(openat)}, SCMP_A2(SCMP_CMP_MASKED_EQ, kMode, mode));
  }
}

}  // namespace

SyscallFilter::SyscallFilter() {
  FilterRules rules;
  deny_new_programs(rules);
  deny_sockets(rules);
  deny_other_processes(rules);
  deny_file_changes(rules);
  deny_the_machine(rules);
  program_ = rules.program();
}

void SyscallFilter::enforce() const { enforce_filter(program_); }

}  // namespace host
