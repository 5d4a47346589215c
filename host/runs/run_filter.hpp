// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <vector>

namespace host::runs {

// Whether programs may make UNIX sockets: not where they would reach those of others.
enum class UnixSockets { denied, allowed };

// The system calls that no agent, compiler or test has use for, as a program of the kernel's: those
// that reach other programs, mount, make namespaces, change the machine, or open a socket that is
// neither IP, UNIX nor the kernel's own routing table. Threads, programs and files are free. A
// denied call fails; nothing kills. Needs no_new_privs to be put in force. Throws
// Error{unsupported} when there is none for this machine.
[[nodiscard]] std::vector<sock_filter> run_filter(UnixSockets unix_sockets);

}  // namespace host::runs
