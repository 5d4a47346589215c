// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/first_process.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.hpp"
#include "runs/supervisor/confine.hpp"
#include "runs/supervisor/private_root.hpp"
#include "runs/supervisor/process_bound.hpp"
#include "runs/supervisor/processes.hpp"

namespace host::runs::supervisor {
namespace {

// Every process of a run goes before the host's when memory is short.
constexpr std::string_view kOomScore = "500";
constexpr std::size_t kReport = 64 * 1024;

[[noreturn]] void leave() { ::_exit(0); }

void close_all_but(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned first = 3;
  for (const int fd : keep) {
    if (fd < static_cast<int>(first)) continue;
    if (fd > static_cast<int>(first)) ::close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(first, ~0u, 0);
}

void bring_loopback_up() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  ::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!socket || ::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    throw system_error("bringing its loopback up");
}

Fd listen_at(const SocketAddress& address) {
  const bool six = address.ip.find(':') != std::string::npos;
  Fd socket(::socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (six) {
    auto& to = reinterpret_cast<sockaddr_in6&>(storage);
    to.sin6_family = AF_INET6, to.sin6_port = htons(address.port), size = sizeof to;
    ::inet_pton(AF_INET6, address.ip.c_str(), &to.sin6_addr);
  } else {
    auto& to = reinterpret_cast<sockaddr_in&>(storage);
    to.sin_family = AF_INET, to.sin_port = htons(address.port), size = sizeof to;
    ::inet_pton(AF_INET, address.ip.c_str(), &to.sin_addr);
  }
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0)
    throw system_error("listening at " + address.text() + " in its network");
  return socket;
}

// The folders that base_environment() names. An earlier run may have left a link there.
void make_scratch(const RunSpec& spec) {
  const Fd scratch(::open(spec.scratch.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!scratch) throw system_error("opening " + spec.scratch.string());
  for (const char* name : {"tmp", "home"})
    if (::mkdirat(scratch.get(), name, 0700) != 0 && errno != EEXIST)
      throw system_error("making " + (spec.scratch / name).string());
}

// The one that is in force; where none is, both reasons.
InForce::Layer stronger(const InForce::Layer& one, const InForce::Layer& other) {
  if (one.in_force || other.detail.empty()) return one;
  if (other.in_force || one.detail.empty()) return other;
  return {false, one.detail + "; " + other.detail};
}

class First {
 public:
  explicit First(FirstProcess given) : given_(std::move(given)) {}

  [[noreturn]] void run() {
    close_all_but(
        {given_.control.get(), given_.input.get(), given_.output.get(), given_.lock.get()});
    if (given_.namespaces.pids)
      // It learns of a supervisor's death by the end of `control` too, unless it is just waiting
      // for something else.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    else
      ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    wait_for_order();
    try {
      make_network();
      make_place();
      start_program();
    } catch (const std::exception& error) {
      (void)note(Note::failed, error.what());
      end_all();
      leave();
    }
    serve();
  }

 private:
  bool note(Note type, const std::string& text, int descriptor = -1) const {
    return send_note(given_.control.get(), static_cast<char>(type), text, descriptor);
  }

  void wait_for_order() const {
    char order = 0;
    if (::recv(given_.control.get(), &order, 1, 0) != 1 || order != static_cast<char>(Order::go))
      leave();
  }

  void make_network() {
    if (!given_.namespaces.network) return;
    try {
      bring_loopback_up();
      if (given_.spec->meter) {
        const Fd listener = listen_at(*given_.spec->meter);
        (void)note(Note::meter, "", listener.get());
      }
    } catch (const Error& error) {
      (void)note(Note::network_failed, error.message());
      leave();
    }
  }

  void make_place() {
    make_scratch(*given_.spec);
    scores_ = Fd(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    bound_root();
    if (given_.namespaces.mounts) try {
        PrivateRoot root(*given_.spec, given_.namespaces.pids, in_force_.notes);
        root.enter();
        in_force_.private_root = {true, ""};
      } catch (const Error& error) {
        // A folder that leads elsewhere is the caller's fault; all else is the kernel's.
        if (error.code() == Code::not_granted || error.code() == Code::not_found) throw;
        in_force_.private_root = {false, error.message()};
      }
    else
      in_force_.private_root = {false, "mount namespaces can't be had here"};
    const Fd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    own_proc_ = in_force_.private_root.in_force && given_.namespaces.pids && proc;
    if (own_proc_) (void)note(Note::proc, "", proc.get());
  }

  // What binds others by their user namespace is not for root.
  void bound_root() {
    const int most = given_.spec->limits.processes;
    if (::geteuid() == 0 && given_.namespaces.pids && most != 0)
      in_force_.processes = bound_by_pid_namespace(scores_.get(), most);
  }

  void start_program() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("making a pipe");
    const Fd read(ends[0]);
    Fd write(ends[1]);
    program_ = ::fork();
    if (program_ < 0) throw system_error("starting the program's process");
    if (program_ == 0) be_program(write.get());
    write.reset();
    given_.input.reset();
    given_.output.reset();
    scores_.reset();
    drop_capabilities_for_good();
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    take_report(read_all(read.get(), kReport, "the program's report"));
  }

  // A line of what is in force, unless it failed before that; then why it failed, if it did.
  void take_report(const std::string& report) {
    if (report.empty()) throw Error(Code::io, "the program's process ended before it was one");
    const auto line = report.find('\n');
    const auto why = line == std::string::npos ? report : report.substr(line + 1);
    if (!why.empty()) throw Error(Code::io, why);
    auto confined = in_force_from(parse_json(report.substr(0, line), "the program's report"));
    in_force_.processes = stronger(in_force_.processes, confined.processes);
    in_force_.landlock = confined.landlock;
    in_force_.seccomp = confined.seccomp;
    for (auto& each : confined.notes) in_force_.notes.push_back(std::move(each));
    (void)note(Note::started, to_text(to_json(in_force_)));
  }

  [[noreturn]] void be_program(int report) {
    const auto tell = [&](std::string text) {
      text += '\n';
      (void)!::write(report, text.data(), text.size());
    };
    try {
      take_process_over();
      const auto in_force = confine({.spec = given_.spec,
                                     .private_root = in_force_.private_root.in_force,
                                     .own_pids = own_proc_,
                                     .own_users = given_.namespaces.users,
                                     .own_network = given_.namespaces.network});
      tell(to_text(to_json(in_force)));
      if (::chdir(given_.spec->folder.c_str()) != 0)
        throw system_error("going to " + given_.spec->folder.string());
      become(*given_.spec);
    } catch (const std::exception& error) {
      const std::string why = error.what();
      (void)!::write(report, why.data(), why.size());
      ::_exit(127);
    }
  }

  void take_process_over() {
    const Fd score(::openat(scores_.get(), "self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (score) (void)!::write(score.get(), kOomScore.data(), kOomScore.size());
    ::setsid();
    const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int input = given_.input ? given_.input.get() : nothing.get();
    if (::dup2(input, 0) < 0 || ::dup2(given_.output.get(), 1) < 0 ||
        ::dup2(given_.output.get(), 2) < 0)
      throw system_error("handing the program its streams");
    ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::umask(0022);
  }

  [[noreturn]] void serve() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    const Fd signals(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    std::array<pollfd, 2> watched{{{given_.control.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
    while (!reap()) {
      (void)::poll(watched.data(), watched.size(), -1);
      if (watched[0].revents != 0) take_order();
      signalfd_siginfo info;
      while (::read(signals.get(), &info, sizeof info) > 0) {
      }
    }
    end_all();
    leave();
  }

  void take_order() {
    char order = 0;
    const auto got = ::recv(given_.control.get(), &order, 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got == 1 && order == static_cast<char>(Order::terminate)) return signal_all(SIGTERM);
    if (got == 1) return;
    end_all();
    leave();
  }

  // Whether the program has ended.
  bool reap() {
    for (;;) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid <= 0) return false;
      if (pid != program_) continue;
      const bool signalled = WIFSIGNALED(status);
      (void)note(Note::ended,
                 to_text({{"signalled", signalled},
                          {"number", signalled ? WTERMSIG(status) : WEXITSTATUS(status)}}));
      return true;
    }
  }

  void signal_all(int number) const {
    if (given_.namespaces.pids)
      (void)::kill(-1, number);
    else
      Processes::below(::getpid()).signal(number);
  }

  void end_all() const {
    if (!given_.namespaces.pids) return (void)end_all_below();
    // Everything in its namespace but itself.
    (void)::kill(-1, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
  }

  FirstProcess given_;
  InForce in_force_;
  Fd scores_;  // /proc as it was before its own root, where the way to oom_score_adj is writable
  bool own_proc_ = false;
  pid_t program_ = -1;
};

}  // namespace

bool send_note(int control, char type, const std::string& text, int descriptor) {
  const std::string packet = type + text;
  iovec piece{const_cast<char*>(packet.data()), packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    ::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(control, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

void run_first_process(FirstProcess first) { First(std::move(first)).run(); }

}  // namespace host::runs::supervisor
