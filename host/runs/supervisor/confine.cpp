// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/confine.hpp"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "runs/run_filter.hpp"
#include "runs/supervisor/process_bound.hpp"
#include "runs/supervisor/system_paths.hpp"
#include "workers/filter_rules.hpp"
#include "workers/landlock.hpp"

namespace host::runs::supervisor {
namespace {

constexpr rlim_t kOpenFiles = 4096;
constexpr rlim_t kMostOpenFiles = 65536;
// Landlock's version that keeps abstract sockets and signals to those outside from a program.
constexpr int kScopes = 6;

void limit(__rlimit_resource resource, rlim_t soft, rlim_t hard, const char* name) {
  rlimit current{};
  ::getrlimit(resource, &current);
  const rlimit both{std::min(soft, current.rlim_max), std::min(hard, current.rlim_max)};
  if (::setrlimit(resource, &both) != 0) throw system_error(name);
}

void set_limits(const Confinement& confinement) {
  const auto& limits = confinement.spec->limits;
  limit(RLIMIT_CORE, 0, 0, "RLIMIT_CORE");
  limit(RLIMIT_NOFILE, kOpenFiles, kMostOpenFiles, "RLIMIT_NOFILE");
  if (limits.disk != 0) limit(RLIMIT_FSIZE, limits.disk, limits.disk, "RLIMIT_FSIZE");
  // Of one process; all together are measured, or the cgroup's.
  if (limits.memory != 0) limit(RLIMIT_DATA, limits.memory, limits.memory, "RLIMIT_DATA");
}

// Without a user namespace the user's other processes would count, the host's among them.
InForce::Layer bound_processes(const Confinement& confinement) {
  const int most = confinement.spec->limits.processes;
  if (most == 0) return {false, "the run has no limit"};
  if (!confinement.own_users) return {false, "it has no user namespace for RLIMIT_NPROC"};
  return bound_by_user_namespace(most);
}

template <class Work>
void optional(Work work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code() != Code::not_found && error.code() != Code::denied) throw;
  }
}

void allow_system(LandlockRules& rules, const Confinement& confinement) {
  for (const char* path : kProgramFolders) optional([&] { rules.allow_run(path); });
  for (const char* path : kSettings) optional([&] { rules.allow_read(path); });
  for (const char* path : kKernelFolders) optional([&] { rules.allow_read(path); });
  for (const char* path : kDevices) optional([&] { rules.allow_device(path); });
  if (confinement.own_pids)
    optional([&] { rules.allow_read("/proc"); });
  else
    for (const char* path : kProcFiles) optional([&] { rules.allow_read(path); });
  if (!confinement.private_root) return;
  optional([&] { rules.allow_work("/dev/shm"); });
  optional([&] { rules.allow_terminals("/dev/pts"); });
  rules.allow_work("/tmp");
}

InForce::Layer enforce_landlock(const Confinement& confinement, InForce& in_force) {
  const int abi = LandlockRules::kernel_abi();
  if (abi == 0) return {false, "this kernel has no Landlock, or it is switched off"};
  LandlockRules rules(abi, Tcp::allowed);
  allow_system(rules, confinement);
  for (const auto& path : confinement.spec->readable) try {
      rules.allow_run(path);
    } catch (const Error& error) {
      // In a root of its own that was noted when it was made.
      if (!confinement.private_root) in_force.notes.push_back("readable: " + error.message());
    }
  // In a root of its own no link leads there: it was looked at when it was mounted.
  const auto links = confinement.private_root ? Links::followed : Links::refused;
  for (const auto& path : confinement.spec->writable) rules.allow_work(path, links);
  rules.enforce();
  return {true, "ABI " + std::to_string(abi)};
}

// UNIX sockets have names of two kinds. A path leads to others' where they can be seen, a name
// without one (abstract) wherever the network is shared, unless Landlock has a scope for it.
UnixSockets unix_sockets(const Confinement& confinement, int landlock) {
  const bool no_paths = confinement.private_root;
  const bool no_names = confinement.own_network || landlock >= kScopes;
  return no_paths && no_names ? UnixSockets::allowed : UnixSockets::denied;
}

InForce::Layer enforce_filter_of(UnixSockets sockets) {
  try {
    enforce_filter(run_filter(sockets));
  } catch (const Error& error) {
    if (error.code() != Code::unsupported) throw;
    return {false, error.message()};
  }
  return {true, sockets == UnixSockets::allowed ? "" : "no UNIX sockets"};
}

std::string program_of(const RunSpec& spec) {
  const auto& program = spec.arguments.front();
  if (program.find('/') != std::string::npos) return program;
  const auto path = spec.environment.find("PATH");
  std::string rest = path == spec.environment.end() ? "/usr/bin:/bin" : path->second;
  rest += ':';
  for (std::size_t end = 0; (end = rest.find(':')) != std::string::npos; rest.erase(0, end + 1)) {
    if (end == 0) continue;
    const std::string candidate = rest.substr(0, end) + "/" + program;
    struct stat info {};
    if (::stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  throw Error(Code::not_found, "\"" + program + "\" is on no folder of its PATH that it may read",
              "Name its folder in what the run may read, and in PATH.");
}

}  // namespace

void drop_capabilities_for_good() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    // Without CAP_SETPCAP there is nothing to be had by an exec, either.
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  (void)::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) throw system_error("capset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw system_error("PR_SET_NO_NEW_PRIVS");
}

InForce confine(const Confinement& confinement) {
  // Root's groups; another user's can't be given up.
  if (::geteuid() == 0 && !confinement.own_users) (void)::setgroups(0, nullptr);
  InForce in_force;
  in_force.processes = bound_processes(confinement);
  set_limits(confinement);
  drop_capabilities_for_good();
  in_force.landlock = enforce_landlock(confinement, in_force);
  const int abi = in_force.landlock.in_force ? LandlockRules::kernel_abi() : 0;
  in_force.seccomp = enforce_filter_of(unix_sockets(confinement, abi));
  return in_force;
}

void become(const RunSpec& spec) {
  const auto program = program_of(spec);
  std::vector<char*> arguments;
  for (const auto& argument : spec.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [name, value] : spec.environment) variables.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  ::execve(program.c_str(), arguments.data(), environment.data());
  throw system_error(
      "starting " + program,
      errno == ENOEXEC ? "It is no program; a script needs a first line with #!." : "");
}

}  // namespace host::runs::supervisor
