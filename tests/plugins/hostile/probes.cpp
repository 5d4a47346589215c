// SPDX-License-Identifier: Apache-2.0
#include "probes.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <thread>

namespace {

int outcome(long result) { return result < 0 ? errno : 0; }

int open_file(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  const int error = outcome(fd);
  if (fd >= 0) ::close(fd);
  return error;
}

int read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  char byte;
  const int error = outcome(::read(fd, &byte, 1));
  ::close(fd);
  return error;
}

int spawn_true() {
  char name[] = "true";
  char* arguments[] = {name, nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments, nullptr);
  if (error == 0) ::waitpid(pid, nullptr, 0);
  return error;
}

int execute() {
  char name[] = "true";
  char* arguments[] = {name, nullptr};
  return outcome(::execve("/bin/true", arguments, nullptr));
}

int execute_memory() {
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "x", MFD_CLOEXEC));
  char* none[] = {nullptr};
  const int error = outcome(::fexecve(fd, none, none));
  ::close(fd);
  return error;
}

int fork_child() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  return outcome(pid);
}

int clone_process() {
  return outcome(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

int connect_out() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_port = htons(9);
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int error = outcome(::connect(fd, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback));
  ::close(fd);
  return error;
}

int peek(pid_t pid) {
  char byte = 0;
  iovec here{&byte, 1};
  iovec there{&byte, 1};
  return outcome(::process_vm_readv(pid, &here, 1, &there, 1, 0));
}

int open_by_how(const std::string& path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_TRUNC;
  return outcome(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
}

int limit_cpu_of(pid_t pid) {
  const rlimit zero{0, 0};
  return outcome(::prlimit(pid, RLIMIT_CPU, &zero, nullptr));
}

int own_signals_to(pid_t pid) {
  int ends[2];
  if (::pipe(ends) != 0) return errno;
  const int error = outcome(::fcntl(ends[0], F_SETOWN, pid));
  ::close(ends[0]);
  ::close(ends[1]);
  return error;
}

// What a filter that compared 64 bits would let pass.
int own_signals_by_high_bits(pid_t pid) {
  int ends[2];
  if (::pipe(ends) != 0) return errno;
  const int error = outcome(::syscall(SYS_fcntl, ends[0], (1ul << 32) | F_SETOWN, pid));
  ::close(ends[0]);
  ::close(ends[1]);
  return error;
}

int still_threads() {
  int seen = 0;
  std::thread([&] { seen = 1; }).join();
  return seen == 1 ? 0 : EAGAIN;
}

pid_t number(const std::string& target) { return static_cast<pid_t>(::atol(target.c_str())); }

using Probes = std::map<std::string, std::function<int(const std::string&)>>;

Probes file_probes() {
  return {
      {"read", [](auto& path) { return read_file(path); }},
      {"write", [](auto& path) { return open_file(path, O_WRONLY); }},
      {"create", [](auto& path) { return open_file(path, O_WRONLY | O_CREAT); }},
      {"mkdir", [](auto& path) { return outcome(::mkdir(path.c_str(), 0700)); }},
      {"unlink", [](auto& path) { return outcome(::unlink(path.c_str())); }},
      {"rename", [](auto& path) { return outcome(::rename(path.c_str(), "taken")); }},
      {"link", [](auto& path) { return outcome(::link(path.c_str(), "linked")); }},
      {"truncate", [](auto& path) { return outcome(::truncate(path.c_str(), 0)); }},
      {"open_truncate", [](auto& path) { return open_file(path, O_RDONLY | O_TRUNC); }},
      {"open_truncate_no_access", [](auto& path) { return open_file(path, O_ACCMODE | O_TRUNC); }},
      {"openat2_truncate", [](auto& path) { return open_by_how(path); }},
      {"chmod", [](auto& path) { return outcome(::chmod(path.c_str(), 0666)); }},
      {"fchmodat2",
       [](auto& path) { return outcome(::syscall(452, AT_FDCWD, path.c_str(), 0666, 0)); }},
      {"chown", [](auto& path) { return outcome(::chown(path.c_str(), ::getuid(), ::getgid())); }},
      {"setxattr",
       [](auto& path) { return outcome(::setxattr(path.c_str(), "user.x", "y", 1, 0)); }},
      {"list", [](auto& path) { return open_file(path, O_RDONLY | O_DIRECTORY); }},
      {"symlink_read",
       [](auto& path) {
         (void)!::symlink(path.c_str(), "way");
         const int error = read_file("way");
         ::unlink("way");
         return error;
       }},
  };
}

Probes process_probes() {
  return {
      {"exec", [](auto&) { return execute(); }},
      {"exec_memfd", [](auto&) { return execute_memory(); }},
      {"spawn", [](auto&) { return spawn_true(); }},
      {"fork", [](auto&) { return fork_child(); }},
      {"vfork_clone", [](auto&) { return clone_process(); }},
      {"clone3", [](auto&) { return outcome(::syscall(SYS_clone3, nullptr, 0)); }},
      {"unshare", [](auto&) { return outcome(::unshare(CLONE_NEWUSER)); }},
      {"kill", [](auto& pid) { return outcome(::kill(number(pid), SIGKILL)); }},
      {"kill_group", [](auto& pid) { return outcome(::kill(-number(pid), SIGKILL)); }},
      {"kill_all", [](auto&) { return outcome(::kill(-1, SIGCONT)); }},
      {"tkill", [](auto& pid) { return outcome(::syscall(SYS_tkill, number(pid), SIGKILL)); }},
      {"tgkill",
       [](auto& pid) { return outcome(::syscall(SYS_tgkill, number(pid), number(pid), SIGKILL)); }},
      {"sigqueue", [](auto& pid) { return outcome(::sigqueue(number(pid), SIGKILL, {})); }},
      {"pidfd", [](auto& pid) { return outcome(::syscall(SYS_pidfd_open, number(pid), 0)); }},
      {"ptrace",
       [](auto& pid) { return outcome(::ptrace(PTRACE_ATTACH, number(pid), nullptr, nullptr)); }},
      {"process_vm_readv", [](auto& pid) { return peek(number(pid)); }},
      {"prlimit", [](auto& pid) { return limit_cpu_of(number(pid)); }},
      {"setpriority",
       [](auto& pid) {
         return outcome(::setpriority(PRIO_PROCESS, static_cast<id_t>(number(pid)), 19));
       }},
      {"setown", [](auto& pid) { return own_signals_to(number(pid)); }},
      {"setown_high_bits", [](auto& pid) { return own_signals_by_high_bits(number(pid)); }},
      {"pdeathsig", [](auto&) { return outcome(::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)); }},
      {"dumpable", [](auto&) { return outcome(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }},
      {"thread", [](auto&) { return still_threads(); }},
  };
}

Probes machine_probes() {
  return {
      {"socket", [](auto&) { return connect_out(); }},
      {"unix_socket", [](auto&) { return outcome(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
      {"socketpair",
       [](auto&) {
         int ends[2];
         return outcome(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
       }},
      {"mount",
       [](auto& path) { return outcome(::mount("none", path.c_str(), "tmpfs", 0, nullptr)); }},
      {"bpf", [](auto&) { return outcome(::syscall(SYS_bpf, 0, nullptr, 0)); }},
      {"keyctl", [](auto&) { return outcome(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }},
      {"io_uring", [](auto&) { return outcome(::syscall(SYS_io_uring_setup, 1, nullptr)); }},
      {"userfaultfd", [](auto&) { return outcome(::syscall(SYS_userfaultfd, 0)); }},
      {"perf_event",
       [](auto&) { return outcome(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); }},
      {"shm",
       [](auto&) {
         const int id = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
         const int error = outcome(id);
         if (id >= 0) ::shmctl(id, IPC_RMID, nullptr);
         return error;
       }},
      {"settime",
       [](auto&) {
         const timespec epoch{};
         return outcome(::clock_settime(CLOCK_REALTIME, &epoch));
       }},
  };
}

}  // namespace

int probe(const std::string& what, const std::string& target) {
  for (const auto& probes : {file_probes(), process_probes(), machine_probes()})
    if (const auto found = probes.find(what); found != probes.end()) {
      errno = 0;
      return found->second(target);
    }
  return -1;
}
