// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/namespaces.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "base/error.hpp"

namespace host::runs::supervisor {
namespace {

void write_to(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw system_error("writing " + path);
}

std::string itself(std::uint64_t id) {
  return std::to_string(id) + " " + std::to_string(id) + " 1";
}

}  // namespace

std::vector<Namespaces> namespaces_to_try(bool network) {
  std::vector<Namespaces> tries;
  for (const bool with_network : {true, false}) {
    if (with_network && !network) continue;
    if (::geteuid() == 0)
      tries.push_back({.users = false, .pids = true, .mounts = true, .network = with_network});
    tries.push_back({.users = true, .pids = true, .mounts = true, .network = with_network});
  }
  tries.push_back({});
  return tries;
}

pid_t fork_into(const Namespaces& namespaces) {
  unsigned long flags = SIGCHLD;
  if (namespaces.users) flags |= CLONE_NEWUSER;
  if (namespaces.pids) flags |= CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  if (namespaces.mounts) flags |= CLONE_NEWNS;
  if (namespaces.network) flags |= CLONE_NEWNET;
  // A plain fork lets the libraries do what they do at one.
  if (flags == SIGCHLD) return ::fork();
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
}

void map_own_user(pid_t child) {
  const std::string proc = "/proc/" + std::to_string(child);
  write_to(proc + "/setgroups", "deny");
  write_to(proc + "/uid_map", itself(::geteuid()));
  write_to(proc + "/gid_map", itself(::getegid()));
}

}  // namespace host::runs::supervisor
