// SPDX-License-Identifier: Apache-2.0
#include "runs/runner_service.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "base/error.hpp"
#include "base/json.hpp"
#include "runs/run.hpp"
#include "runs/run_frame.hpp"
#include "runs/supervisors.hpp"

namespace host::runs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProcText = 1u << 20;
constexpr auto kPatience = std::chrono::seconds(1);
constexpr const char* kCgroups = "/sys/fs/cgroup";

// What a run's host would hear from a supervisor that does not start it.
void refuse(int socket, const std::string& why) {
  RunEnding ending;
  ending.kind = RunEnding::Kind::not_started;
  ending.evidence = why;
  std::string frame;
  append_run_frame(frame, RunFrameType::ended, to_text(to_json(ending)));
  (void)::send(socket, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

sockaddr_un address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    throw Error(Code::usage, "the socket " + path.string() + " has too long a name");
  ::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

bool somebody_listens(const sockaddr_un& address) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return socket && (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                              sizeof address) == 0 ||
                    errno == EAGAIN);
}

bool is_delegated(const fs::path& folder) {
  std::array<char, 8> value{};
  for (const char* name : {"user.delegate", "trusted.delegate"})
    if (::getxattr(folder.c_str(), name, value.data(), value.size()) == 1 && value[0] == '1')
      return true;
  return false;
}

// "0::/system.slice/timmy-runner.service", of a machine with cgroup version 2 alone.
fs::path own_cgroup() {
  const Fd file(::open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const auto text = read_all(file.get(), kProcText, "/proc/self/cgroup");
  if (!text.starts_with("0::/")) return {};
  return fs::path(kCgroups) / text.substr(4, text.find('\n') - 4);
}

void write_to(const fs::path& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw system_error("writing " + path.string());
}

}  // namespace

RunnerService::RunnerService(Fd listener, fs::path program, fs::path cgroups, std::size_t most)
    : listener_(std::move(listener)),
      program_(std::move(program)),
      cgroups_(std::move(cgroups)),
      most_(most) {
  (void)::fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
}

void RunnerService::run() {
  sigset_t taken;
  sigemptyset(&taken);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&taken, number);
  ::sigprocmask(SIG_BLOCK, &taken, nullptr);
  const Fd signals(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) throw system_error("taking signals");
  while (listener_ || !supervisors_.empty()) {
    std::array<pollfd, 2> watched{{{listener_.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      throw system_error("waiting for runs");
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof info) > 0) {
      if (info.ssi_signo == SIGCHLD) continue;
      listener_.reset();
      for (const auto& supervisor : supervisors_) (void)::kill(supervisor.pid(), SIGTERM);
    }
    reap();
    if (listener_ && watched[0].revents != 0) accept_one();
  }
}

void RunnerService::accept_one() {
  const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return;
  // The socket's mode keeps others out, but root.
  if (user_at(connection.get()) != ::geteuid())
    return refuse(connection.get(), "it is another user's run");
  if (!has_room())
    return refuse(connection.get(),
                  "the runner has " + std::to_string(most_) + " runs already, its limit");
  try {
    supervisors_.push_back(start_supervisor(program_, cgroups_, connection.get()));
  } catch (const Error& error) {
    refuse(connection.get(), error.what());
  }
}

// A supervisor that has told its run's ending goes in a moment, and whoever heard it may be here.
bool RunnerService::has_room() {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    reap();
    if (supervisors_.size() < most_) return true;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    std::vector<pollfd> going;
    for (const auto& supervisor : supervisors_) going.push_back({supervisor.pidfd(), POLLIN, 0});
    if (left.count() <= 0 ||
        ::poll(going.data(), going.size(), static_cast<int>(left.count())) <= 0)
      return false;
  }
}

void RunnerService::reap() {
  std::erase_if(supervisors_, [](Child& child) { return child.reap().has_value(); });
}

Fd listen_for_runs(const fs::path& path) {
  const auto address = address_of(path);
  if (somebody_listens(address))
    throw Error(Code::already_running, "another runner answers at " + path.string(),
                "Stop it, or give this one another socket.");
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) (void)::unlink(path.c_str());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const mode_t before = ::umask(0177);
  const bool bound = socket && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                                      sizeof address) == 0;
  const int failed = errno;
  ::umask(before);
  if (!bound || ::listen(socket.get(), SOMAXCONN) != 0)
    throw system_error(bound ? errno : failed, "listening at " + path.string());
  return socket;
}

fs::path claim_delegated_cgroup() {
  try {
    const auto folder = own_cgroup();
    if (folder.empty() || !is_delegated(folder)) return {};
    // Only folders without processes of their own hand controllers down.
    const auto own = folder / "service";
    if (::mkdir(own.c_str(), 0755) != 0 && errno != EEXIST) return {};
    write_to(own / "cgroup.procs", std::to_string(::getpid()));
    for (const char* controller : {"+memory", "+pids"}) try {
        write_to(folder / "cgroup.subtree_control", controller);
      } catch (const Error&) {
        // A run's report says what its cgroup bounds.
      }
    return folder;
  } catch (const Error&) {
    return {};
  }
}

}  // namespace host::runs
