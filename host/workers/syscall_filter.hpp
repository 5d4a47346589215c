// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <vector>

namespace host {

// The system calls that no plugin needs: those that start or reach another process, open a socket,
// change the machine, or change files in ways that Landlock does not see. A denied call fails with
// EPERM; clone3 and openat2, whose arguments a filter can't read, with ENOSYS, upon which libraries
// use the older call.
class SyscallFilter {
 public:
  // For this process, and no other: the filter knows its pid. Throws Error{unsupported} when there
  // is none for this machine.
  SyscallFilter();

  // Puts it in force for every thread of this process and for good. Needs no_new_privs. Throws
  // Error when the kernel does not take it.
  void enforce() const;

 private:
  std::vector<sock_filter> program_;
};

}  // namespace host
