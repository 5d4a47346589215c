// SPDX-License-Identifier: Apache-2.0
//
// timmy-runner: the service that starts supervisors of runs, in a unit that is less hardened than
// the host's: what starts agents must be able to make namespaces and cgroups.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "runs/runner_service.hpp"

namespace {

using namespace host;

constexpr int kFirstFromSystemd = 3;  // sd_listen_fds(3)
constexpr std::size_t kMostRuns = 64;

constexpr std::string_view kHelp =
    R"(timmy-runner starts the supervisors of runs for timmy-host.

  timmy-runner [--listen PATH] [--most N]

  --listen PATH   the socket to listen at; without it the one that systemd hands over
                  (timmy-runner.socket)
  --most N        runs at the same time (64)

It is started by its unit. Without systemd timmy-host starts supervisors itself.
)";

std::filesystem::path supervisor_program() {
  const auto own = std::filesystem::read_symlink("/proc/self/exe");
  return own.parent_path() / "timmy-supervisor";
}

Fd from_systemd() {
  const char* pid = ::getenv("LISTEN_PID");
  const char* count = ::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::to_string(::getpid()) != pid ||
      ::strcmp(count, "1") != 0)
    throw Error(Code::usage, "no socket to listen at",
                "Name one with --listen, or start timmy-runner.socket.");
  (void)::fcntl(kFirstFromSystemd, F_SETFD, FD_CLOEXEC);
  return Fd(kFirstFromSystemd);
}

std::size_t number_of(std::string_view text) {
  std::size_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), last, number);
  if (failed != std::errc() || stop != last || number == 0 || number > 10'000)
    throw Error(Code::usage, "\"" + std::string(text) + "\", expected a number of runs");
  return number;
}

int serve(int count, char** arguments) {
  std::string path;
  std::size_t most = kMostRuns;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    if (option == "--help") return ::fputs(kHelp.data(), stdout) < 0;
    if (i + 1 == count || (option != "--listen" && option != "--most"))
      throw Error(Code::usage, "\"" + std::string(option) + "\" is not understood",
                  "See timmy-runner --help.");
    if (option == "--listen")
      path = arguments[++i];
    else
      most = number_of(arguments[++i]);
  }
  auto listener = path.empty() ? from_systemd() : runs::listen_for_runs(path);
  runs::RunnerService(std::move(listener), supervisor_program(), runs::claim_delegated_cgroup(),
                      most)
      .run();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return serve(count, arguments);
  } catch (const Error& error) {
    ::fprintf(stderr, "timmy-runner: %s\n", error.what());
    return exit_status(error.code());
  }
}
