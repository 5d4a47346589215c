// SPDX-License-Identifier: Apache-2.0
#include "e2e/host_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace host::e2e {
namespace {

// A datagram socket that the host reports to (sd_notify(3)).
Fd listen_at(const std::filesystem::path& path) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::filesystem::remove(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.string().size() >= sizeof(address.sun_path))
    throw Error(Code::invalid, path.string() + " is too long for a socket",
                "Use a folder with a shorter name.");
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw system_error("listening at " + path.string());
  return socket;
}

std::optional<pid_t> number(const std::string& text) {
  pid_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

SpawnRequest with_us(SpawnRequest command) {
  std::vector<std::string> arguments{"setpriv", "--pdeathsig", "KILL", command.program.string()};
  arguments.insert(arguments.end(), command.arguments.begin() + 1, command.arguments.end());
  command.program = "/usr/bin/setpriv";
  command.arguments = std::move(arguments);
  return command;
}

HostProcess::HostProcess(Options options)
    : notify_(listen_at(options.paths.timmy_home / "notify")) {
  SpawnRequest request{.program = options.bin / "timmy-host", .arguments = {"timmy-host", "run"}};
  request.arguments.insert(request.arguments.end(), options.arguments.begin(),
                           options.arguments.end());
  request.environment = {{"TIMMY_HOME", options.paths.timmy_home.string()},
                         {"HERMES_HOME", options.paths.hermes_home.string()},
                         {"NOTIFY_SOCKET", (options.paths.timmy_home / "notify").string()}};
  if (!options.paths.home.empty()) request.environment["HOME"] = options.paths.home.string();
  request.environment.insert(options.environment.begin(), options.environment.end());
  Fd log;
  if (!options.log.empty())
    log = Fd(::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  request.descriptors = {{log ? log.get() : STDERR_FILENO, 2}};
  child_ = spawn(with_us(std::move(request)));
}

bool HostProcess::wait_ready(std::chrono::milliseconds limit) const {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    const auto text = heard(left);
    if (text.empty()) return false;
    if (text.find("READY=1") != std::string::npos) return true;
  }
}

std::string HostProcess::heard(std::chrono::milliseconds limit) const {
  std::array<pollfd, 2> events{{{notify_.get(), POLLIN, 0}, {child_.pidfd(), POLLIN, 0}}};
  if (::poll(events.data(), events.size(), static_cast<int>(limit.count())) <= 0 ||
      events[0].revents == 0)
    return "";
  std::array<char, 4096> text;
  const auto got = ::recv(notify_.get(), text.data(), text.size(), 0);
  return got <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(got));
}

void HostProcess::kill() const { ::kill(child_.pid(), SIGKILL); }

Child::Exit HostProcess::wait(std::chrono::milliseconds limit) {
  pollfd ended{child_.pidfd(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(limit.count())) != 1)
    throw Error(Code::timed_out, "timmy-host did not end within " + format_duration(limit));
  return child_.reap().value();
}

std::vector<pid_t> workers_of(const std::set<pid_t>& hosts) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = number(entry.path().filename().string());
    if (!pid) continue;
    std::ifstream file(entry.path() / "cmdline");
    std::string name;
    std::string option;
    std::string host;
    std::getline(file, name, '\0');
    std::getline(file, option, '\0');
    std::getline(file, host, '\0');
    if (name == "timmy-worker" && option == "--parent" && hosts.contains(number(host).value_or(0)))
      found.push_back(*pid);
  }
  return found;
}

}  // namespace host::e2e
