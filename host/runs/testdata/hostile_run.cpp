// SPDX-License-Identifier: Apache-2.0
//
// What agents do, the well-behaved and the others: one deed a call, named by the first argument. It
// prints what came of it.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using Arguments = std::vector<std::string>;

void say(const std::string& text) {
  ::fputs((text + "\n").c_str(), stdout);
  ::fflush(stdout);
}

// What a call came to.
void tell(const std::string& deed, long result) {
  say(deed + ": " + (result >= 0 ? "done" : ::strerrorname_np(errno)));
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

// Whoever asks for this lock learns whether this process is still there.
void hold(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT, 0600);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  if (::fcntl(fd, F_SETLK, &lock) != 0) ::_exit(99);
}

// A daemon, as the books have it: two forks, a session of its own, deaf to SIGTERM.
void hide(const Arguments& arguments) {
  int ends[2];
  if (::pipe(ends) != 0) ::_exit(98);
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      ::setsid();
      ::signal(SIGTERM, SIG_IGN);
      ::signal(SIGHUP, SIG_IGN);
      hold(arguments.at(0));
      (void)!::write(ends[1], "x", 1);
      for (int fd = 0; fd < 16; ++fd)
        // Closing the file would drop its lock.
        if (fd < 3 || fd == ends[0] || fd == ends[1]) ::close(fd);
      wait_for_ever();
    }
    ::_exit(0);
  }
  ::wait(nullptr);
  char byte = 0;
  (void)!::read(ends[0], &byte, 1);
  say("hidden");
  if (arguments.size() > 1) wait_for_ever();
}

// Not without end, whatever bounds it: that would be the machine's that it is tried on.
constexpr int kMostForks = 1000;
constexpr time_t kBurnsFor = 60;  // seconds

void bomb(const Arguments&) {
  auto* const forks = static_cast<std::atomic<int>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (forks == MAP_FAILED) ::_exit(97);
  say("lit");
  for (const time_t end = ::time(nullptr) + kBurnsFor; ::time(nullptr) < end;) {
    if (forks->fetch_add(1) < kMostForks && ::fork() >= 0) continue;
    forks->fetch_sub(1);
    ::usleep(100'000);
  }
  ::_exit(0);
}

void threads(const Arguments&) {
  std::vector<std::thread> many;
  try {
    while (static_cast<int>(many.size()) < kMostForks) many.emplace_back([] { wait_for_ever(); });
  } catch (const std::exception&) {
    say("no more threads");
  }
  wait_for_ever();
}

void stubborn(const Arguments&) {
  ::signal(SIGTERM, SIG_IGN);
  say("ready");
  wait_for_ever();
}

void polite(const Arguments&) {
  ::signal(SIGTERM, [](int) { ::_exit(3); });
  say("ready");
  wait_for_ever();
}

void open_to_write(const Arguments& arguments) {
  const int fd = ::open(arguments.at(0).c_str(), O_WRONLY | O_CREAT, 0600);
  tell("write", fd < 0 ? fd : ::write(fd, "x", 1));
}

void open_to_read(const Arguments& arguments) {
  tell("read", ::open(arguments.at(0).c_str(), O_RDONLY));
}

void look(const Arguments& arguments) {
  struct stat info {};
  tell("look", ::stat(arguments.at(0).c_str(), &info));
}

void cut(const Arguments& arguments) { tell("cut", ::truncate(arguments.at(0).c_str(), 0)); }

int connect_to(const std::string& ip, const std::string& port, int type = SOCK_STREAM) {
  const int fd = ::socket(AF_INET, type, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(::atoi(port.c_str())));
  ::inet_pton(AF_INET, ip.c_str(), &to.sin_addr);
  return ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 ? fd : -1;
}

void connect_tcp(const Arguments& arguments) {
  tell("connect", connect_to(arguments.at(0), arguments.at(1)));
}

void send_udp(const Arguments& arguments) {
  const int fd = connect_to(arguments.at(0), arguments.at(1), SOCK_DGRAM);
  tell("send", fd < 0 ? fd : ::send(fd, "x", 1, 0));
}

// Says the third argument to it, and prints its answer.
void ask(const Arguments& arguments) {
  const int fd = connect_to(arguments.at(0), arguments.at(1));
  if (fd < 0) return tell("ask", fd);
  (void)!::write(fd, arguments.at(2).data(), arguments.at(2).size());
  ::shutdown(fd, SHUT_WR);
  char block[4096];
  for (ssize_t got = 0; (got = ::read(fd, block, sizeof block)) > 0;)
    (void)!::write(1, block, static_cast<std::size_t>(got));
}

// "@name": an abstract one.
void connect_unix(const Arguments& arguments) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return tell("unix", fd);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const auto& name = arguments.at(0);
  ::memcpy(to.sun_path, name.data(), name.size());
  socklen_t size = sizeof to;
  if (name[0] == '@') {
    to.sun_path[0] = '\0';
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  }
  tell("unix", ::connect(fd, reinterpret_cast<sockaddr*>(&to), size));
}

void fill(const Arguments& arguments) {
  const std::string block(1 << 20, 'x');
  for (int file = 0;; ++file) {
    const auto name = arguments.at(0) + "/" + std::to_string(file);
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 8; ++i)
      if (::write(fd, block.data(), block.size()) < 0) return tell("fill", -1);
    ::close(fd);
  }
}

void flood(const Arguments&) {
  const std::string line(1023, 'x');
  for (;;) say(line);
}

void touch_memory(std::size_t bytes) {
  auto* const memory = static_cast<char*>(
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) return;
  for (std::size_t at = 0; at < bytes; at += 4096) memory[at] = 1;
}

// So many processes, each with so many MiB.
void hog(const Arguments& arguments) {
  const int processes = ::atoi(arguments.at(0).c_str());
  const auto bytes = static_cast<std::size_t>(::atoi(arguments.at(1).c_str())) << 20;
  for (int i = 1; i < processes; ++i)
    if (::fork() == 0) {
      touch_memory(bytes);
      wait_for_ever();
    }
  touch_memory(bytes);
  wait_for_ever();
}

void calls(const Arguments&) {
  tell("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  tell("mount", ::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr));
  tell("umount", ::umount2("/tmp", MNT_DETACH));
  tell("unshare", ::unshare(CLONE_NEWUSER));
  tell("clone", ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  const int itself = ::open("/proc/self/ns/net", O_RDONLY);
  tell("setns", ::setns(itself, 0));
  tell("keyctl", ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0));
  tell("chroot", ::chroot("/tmp"));
  tell("vsock", ::socket(AF_VSOCK, SOCK_STREAM, 0));
  tell("packet", ::socket(AF_PACKET, SOCK_RAW, 0));
  tell("kill first", ::kill(1, SIGKILL));
}

// What an ordinary tool does.
void work(const Arguments&) {
  std::thread([] { say("thread: done"); }).join();
  int ends[2];
  tell("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  tell("terminal", terminal);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  tell("exec", status == 0 ? 0 : -1);
  tell("rename", ::rename("missing", "other") == -1 && errno == ENOENT ? 0 : -1);
}

void print_environment(const Arguments&) {
  for (char** at = ::environ; *at != nullptr; ++at) say(*at);
}

void print_descriptors(const Arguments&) {
  for (int fd = 0; fd < 1024; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) say("fd " + std::to_string(fd));
}

void print_processes(const Arguments&) {
  DIR* const proc = ::opendir("/proc");
  while (const dirent* entry = proc ? ::readdir(proc) : nullptr)
    if (::atoi(entry->d_name) > 0) say("process " + std::string(entry->d_name));
}

void copy(const Arguments&) {
  char block[4096];
  for (ssize_t got = 0; (got = ::read(0, block, sizeof block)) > 0;)
    (void)!::write(1, block, static_cast<std::size_t>(got));
}

void print(const Arguments& arguments) {
  for (const auto& line : arguments) say(line);
}

void print_and_wait(const Arguments& arguments) {
  print(arguments);
  wait_for_ever();
}

}  // namespace

int main(int count, char** arguments) {
  const std::map<std::string, std::function<void(const Arguments&)>> deeds = {
      {"hide", hide},
      {"bomb", bomb},
      {"threads", threads},
      {"stubborn", stubborn},
      {"polite", polite},
      {"write", open_to_write},
      {"read", open_to_read},
      {"look", look},
      {"cut", cut},
      {"connect", connect_tcp},
      {"udp", send_udp},
      {"ask", ask},
      {"unix", connect_unix},
      {"fill", fill},
      {"flood", flood},
      {"hog", hog},
      {"calls", calls},
      {"work", work},
      {"environment", print_environment},
      {"descriptors", print_descriptors},
      {"processes", print_processes},
      {"copy", copy},
      {"print", print},
      {"print-and-wait", print_and_wait},
      {"exit", [](const Arguments& given) { ::_exit(::atoi(given.at(0).c_str())); }},
      {"signal", [](const Arguments& given) { ::raise(::atoi(given.at(0).c_str())); }},
  };
  const auto deed = count > 1 ? deeds.find(arguments[1]) : deeds.end();
  if (deed == deeds.end()) return 64;
  deed->second(Arguments(arguments + 2, arguments + count));
  return 0;
}
