// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace host {

// Denies, for every thread of this process and for good, the system calls that no plugin needs:
// those that start or reach another process, open a socket, change the machine, or change files in
// ways that Landlock does not see. A denied call fails with EPERM; clone3 and openat2, whose
// arguments a filter can't read, with ENOSYS, upon which libraries use the older call. Needs
// no_new_privs. Throws Error{unsupported} when the kernel takes no filter.
void deny_syscalls();

}  // namespace host
