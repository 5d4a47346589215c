// SPDX-License-Identifier: Apache-2.0
#include "workers/syscall_filter.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host {
namespace {

// Newer than libseccomp 2.5's table. The same number on every architecture.
constexpr int kFchmodat2 = 452;
constexpr int kSetxattrat = 463;
constexpr int kRemovexattrat = 466;
constexpr int kOpenTreeAttr = 467;
constexpr int kFileSetattr = 469;

// An int argument is compared by its low half: the kernel cuts off the rest, so a filter that
// looked at it could be passed by.
constexpr scmp_datum_t kInt = 0xffffffff;

class Rules {
 public:
  Rules() : context_(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release) {
    if (!context_) throw Error(Code::unsupported, "seccomp_init failed");
    must(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)));
    // A binary tree instead of a list.
    must(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  }

  void deny(std::initializer_list<int> calls, int with = EPERM) {
    for (const int call : calls)
      must(seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(with), call, 0));
  }
  void deny_if(std::initializer_list<int> calls, scmp_arg_cmp argument) {
    for (const int call : calls)
      must(seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(EPERM), call, 1, argument));
  }
  // The rules as the kernel's program.
  [[nodiscard]] std::vector<sock_filter> program() const {
    const Fd file(::memfd_create("timmy-filter", MFD_CLOEXEC));
    if (!file) throw system_error("memfd_create");
    must(seccomp_export_bpf(context_.get(), file.get()));
    const auto bytes = ::lseek(file.get(), 0, SEEK_END);
    std::vector<sock_filter> program(static_cast<std::size_t>(bytes) / sizeof(sock_filter));
    if (::pread(file.get(), program.data(), static_cast<std::size_t>(bytes), 0) != bytes)
      throw system_error("reading the filter");
    return program;
  }

 private:
  static void must(int result) {
    // A call that this architecture never had can't be denied, nor made.
    if (result == -EDOM || result == -EOPNOTSUPP) return;
    if (result < 0) throw system_error(-result, "seccomp");
  }
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
};

void deny_new_programs(Rules& rules) {
  rules.deny({SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork)});
  rules.deny_if({SCMP_SYS(clone)}, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  rules.deny({SCMP_SYS(clone3)}, ENOSYS);
  rules.deny({SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(chroot), SCMP_SYS(pivot_root)});
}

void deny_sockets(Rules& rules) {
  rules.deny({SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
              SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(socketcall),
              SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
              SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg)});
}

void deny_other_processes(Rules& rules) {
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

void deny_file_changes(Rules& rules) {
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

void deny_the_machine(Rules& rules) {
  rules.deny({SCMP_SYS(mount), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(open_tree),
              kOpenTreeAttr, SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(fsconfig),
              SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(swapon),
              SCMP_SYS(swapoff), SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd)});
  rules.deny({SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
              SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
              SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(fanotify_init),
              SCMP_SYS(fanotify_mark), SCMP_SYS(lookup_dcookie)});
  rules.deny({SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
              SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(syslog),
              SCMP_SYS(acct), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
              SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(sethostname),
              SCMP_SYS(setdomainname), SCMP_SYS(vhangup), SCMP_SYS(iopl), SCMP_SYS(ioperm),
              SCMP_SYS(modify_ldt), SCMP_SYS(personality)});
}

}  // namespace

SyscallFilter::SyscallFilter() {
  Rules rules;
  deny_new_programs(rules);
  deny_sockets(rules);
  deny_other_processes(rules);
  deny_file_changes(rules);
  deny_the_machine(rules);
  program_ = rules.program();
}

void SyscallFilter::enforce() const {
  const sock_fprog program{static_cast<unsigned short>(program_.size()),
                           const_cast<sock_filter*>(program_.data())};
  const long result =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result < 0) throw system_error("seccomp");
  if (result > 0) throw Error(Code::unsupported, "seccomp could not be put on every thread");
}

}  // namespace host
