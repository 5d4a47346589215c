// SPDX-License-Identifier: Apache-2.0
#include "host_process.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"

namespace bench {
namespace {

using namespace host;

Paths paths_in(const TestFolder& folder) {
  Paths paths;
  paths.timmy_home = folder.path();
  paths.run = folder / "run";
  return paths;
}

std::string config_of_noop(bool built_plugin) {
  const auto plugins = std::filesystem::path(TIMMY_NOOP).parent_path();
  return "defaults:\n" +
         (built_plugin ? "  plugin_dirs: [" + plugins.string() + "]\n" : std::string()) +
         "  plugins:\n    noop: { enabled: true }\n";
}

void wait_for(Child& child, bool killed = false) {
  pollfd ended{child.pidfd(), POLLIN, 0};
  ::poll(&ended, 1, 120'000);
  const auto exit = child.reap();
  if (!exit || (!killed && (exit->signalled || exit->number != 0)))
    throw Error(Code::io, "timmy-host failed");
}

}  // namespace

HostProcess::HostProcess(bool built_plugin) : HostProcess(config_of_noop(built_plugin)) {}

HostProcess::HostProcess(const std::string& config) : paths_(paths_in(folder_)), client_(paths_) {
  write_atomically(folder_ / "host.yaml", config);
}

SpawnRequest HostProcess::request(std::vector<std::string> arguments) const {
  const std::string home = folder_.path().string();
  arguments.insert(arguments.begin(), "timmy-host");
  return {.program = TIMMY_HOST,
          .arguments = std::move(arguments),
          .environment = {{"HOME", home}, {"TIMMY_HOME", home}, {"HERMES_HOME", home}}};
}

void HostProcess::start(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"run"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  host_.emplace(spawn(request(std::move(arguments))));
  const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!client_.running()) {
    if (std::chrono::steady_clock::now() > late) throw Error(Code::timed_out, "no host came up");
    ::usleep(1000);
  }
}

void HostProcess::stop() {
  host_->signal_group(SIGTERM);
  wait_for(*host_);
  host_.reset();
}

void HostProcess::kill() {
  host_->signal_group(SIGKILL);
  wait_for(*host_, true);
  host_.reset();
}

void HostProcess::command(std::vector<std::string> arguments) const {
  auto child = spawn(request(std::move(arguments)));
  wait_for(child);
}

}  // namespace bench
