// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisors.hpp"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.hpp"

namespace host::runs {

Child start_supervisor(const std::filesystem::path& program, const std::filesystem::path& cgroups,
                       int channel) {
  return spawn({.program = program,
                .arguments = {"timmy-supervisor", "--parent", std::to_string(::getpid()),
                              "--cgroups", cgroups.string()},
                .environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}},
                .folder = "/",
                .descriptors = {{channel, 3}}});
}

std::optional<uid_t> user_at(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

Supervisor OwnSupervisors::start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw system_error("making a supervisor's channel");
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  auto child = start_supervisor(program_, cgroups_, theirs.get());
  return {std::move(ours), std::move(child)};
}

Supervisor ServiceSupervisors::start() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.native().size() >= sizeof address.sun_path)
    throw Error(Code::usage, "the runner's socket " + socket_.string() + " has too long a name");
  ::memcpy(address.sun_path, socket_.c_str(), socket_.native().size());
  // One that is busy is not waited for.
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw Error(Code::unavailable,
                "the runner service at " + socket_.string() +
                    " does not answer: " + system_error("connecting").message(),
                "Start timmy-runner.socket, or look into the log of timmy-runner.service.");
  // Root's is timmy-runner.socket, which systemd listens at.
  if (const auto user = user_at(socket.get()); user != ::geteuid() && user != 0)
    throw Error(Code::denied, "the runner service at " + socket_.string() + " is another user's",
                "Let host and runner run as the same user.");
  return {std::move(socket), Child()};
}

std::unique_ptr<Supervisors> supervisors_at(const std::filesystem::path& socket,
                                            const std::filesystem::path& program) {
  std::error_code ignored;
  if (std::filesystem::exists(socket, ignored)) return std::make_unique<ServiceSupervisors>(socket);
  return std::make_unique<OwnSupervisors>(program);
}

}  // namespace host::runs
