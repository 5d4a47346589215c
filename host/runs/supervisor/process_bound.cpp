// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/process_bound.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host::runs::supervisor {
namespace {

// The kernel's RESERVED_PIDS: once the numbers have gone round those below are not given again.
constexpr int kReservedPids = 300;
constexpr std::pair kCountsInUserNamespaces{5, 14};
constexpr std::pair kCountsInPidNamespaces{6, 14};

std::pair<int, int> kernel() {
  utsname name{};
  if (::uname(&name) != 0) return {0, 0};
  char* rest = nullptr;
  const auto major = static_cast<int>(::strtol(name.release, &rest, 10));
  return {major, *rest == '.' ? static_cast<int>(::strtol(rest + 1, nullptr, 10)) : 0};
}

void limit_processes(rlim_t soft, rlim_t hard) {
  const rlimit both{std::min(soft, hard), hard};
  if (::setrlimit(RLIMIT_NPROC, &both) != 0) throw system_error("RLIMIT_NPROC");
}

// With the first process and this one there are two already.
bool holds_at_one(rlim_t hard) {
  limit_processes(1, hard);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  if (pid > 0)
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  return pid < 0;
}

}  // namespace

InForce::Layer bound_by_user_namespace(int processes) {
  // Before that all of a user's processes are one number, the host's among them.
  if (kernel() < kCountsInUserNamespaces)
    return {false, "RLIMIT_NPROC needs Linux 5.14 to count a run's processes apart"};
  rlimit before{};
  ::getrlimit(RLIMIT_NPROC, &before);
  const rlim_t most = std::min(static_cast<rlim_t>(processes) + 1, before.rlim_max);
  if (!holds_at_one(before.rlim_max)) {
    limit_processes(before.rlim_cur, before.rlim_max);
    return {false, "RLIMIT_NPROC does not bind root"};
  }
  limit_processes(most, most);
  return {true, "RLIMIT_NPROC of its user namespace"};
}

InForce::Layer bound_by_pid_namespace(int proc, int processes) {
  // Before that it would be the machine's own that is written.
  if (kernel() < kCountsInPidNamespaces)
    return {false, "pid_max needs Linux 6.14 to be a pid namespace's own"};
  // The first process is number 1.
  const auto text = std::to_string(kReservedPids + processes + 2);
  const Fd file(::openat(proc, "sys/kernel/pid_max", O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return {false, system_error("setting pid_max of its pid namespace").message()};
  return {true, "pid_max of its pid namespace, 300 above its limit"};
}

}  // namespace host::runs::supervisor
