// SPDX-License-Identifier: Apache-2.0
//
// The host as a whole: builds every room from its config, runs the loop, and takes it down again.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/paths.hpp"

namespace host {

struct HostOptions {
  std::filesystem::path config;                    // host.yaml
  std::string host_name;                           // empty: this machine's
  std::vector<std::filesystem::path> plugin_dirs;  // besides the usual ones
  Paths paths;
  bool init = false;  // make a new database although there was one
};

// Runs a host in this process until it is told to stop: SIGTERM or SIGINT drains (a second one
// hurries), SIGHUP reloads. Returns the exit status: 0 after a drain, 74 when the store failed.
// Throws what keeps it from starting: ConfigError, Error{already_running}, Error{corrupt}, ...
// Once a process: it blocks signals, changes the process's dumpable flag, and reads and clears the
// service manager's variables.
[[nodiscard]] int run_host(const HostOptions& options);

}  // namespace host
