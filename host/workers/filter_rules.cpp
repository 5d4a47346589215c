// SPDX-License-Identifier: Apache-2.0
#include "workers/filter_rules.hpp"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host {
namespace {

void must(int result) {
  // A call that this architecture never had can't be denied, nor made.
  if (result == -EDOM || result == -EOPNOTSUPP) return;
  if (result < 0) throw system_error(-result, "seccomp");
}

}  // namespace

FilterRules::FilterRules() : context_(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release) {
  if (!context_) throw Error(Code::unsupported, "seccomp_init failed");
  must(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)));
  // A binary tree instead of a list.
  must(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
}

void FilterRules::deny(std::initializer_list<int> calls, int with) {
  for (const int call : calls)
    must(seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(static_cast<unsigned>(with)), call, 0));
}

void FilterRules::deny_if(std::initializer_list<int> calls, scmp_arg_cmp argument, int with) {
  for (const int call : calls)
    must(seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(static_cast<unsigned>(with)), call, 1,
                          argument));
}

std::vector<sock_filter> FilterRules::program() const {
  const Fd file(::memfd_create("timmy-filter", MFD_CLOEXEC));
  if (!file) throw system_error("memfd_create");
  must(seccomp_export_bpf(context_.get(), file.get()));
  const auto bytes = ::lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<std::size_t>(bytes) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(bytes), 0) != bytes)
    throw system_error("reading the filter");
  return program;
}

void deny_the_machine(FilterRules& rules) {
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

void enforce_filter(const std::vector<sock_filter>& program) {
  const sock_fprog filter{static_cast<unsigned short>(program.size()),
                          const_cast<sock_filter*>(program.data())};
  const long result =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (result < 0) throw system_error("seccomp");
  if (result > 0) throw Error(Code::unsupported, "seccomp could not be put on every thread");
}

}  // namespace host
