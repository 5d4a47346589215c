// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "config/paths.hpp"

namespace host::e2e {

// `command` as a process that gets SIGKILL when the thread that starts it ends, whatever ends that:
// what a test or a round started does not outlive it. Its pid is the command's.
[[nodiscard]] SpawnRequest with_us(SpawnRequest command);

// A timmy-host in a process of its own, for those that stand outside; it ends with the thread that
// started it. Blocking.
class HostProcess {
 public:
  struct Options {
    std::filesystem::path bin;                       // folder of timmy-host
    Paths paths;                                     // TIMMY_HOME and HERMES_HOME
    std::vector<std::string> arguments;              // after "run"
    std::map<std::string, std::string> environment;  // besides those two
    std::filesystem::path log;                       // its stderr; empty: ours
  };

  // Starts it. Throws Error.
  explicit HostProcess(Options options);

  // True once it has said READY=1; false if it ended first or `limit` passed.
  [[nodiscard]] bool wait_ready(std::chrono::milliseconds limit = std::chrono::seconds(30)) const;
  // What it says next to the service manager, such as "STOPPING=1\nSTATUS=..."; empty on its end or
  // after `limit`.
  [[nodiscard]] std::string heard(std::chrono::milliseconds limit) const;

  void signal(int number) const { child_.signal_group(number); }
  // SIGKILL to the host alone, as an accident would; its workers are left to see it.
  void kill() const;

  // Waits for its end. Throws Error{timed_out} past `limit`.
  Child::Exit wait(std::chrono::milliseconds limit = std::chrono::seconds(60));

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] const Child& child() const { return child_; }

 private:
  Fd notify_;
  Child child_;
};

// Workers that one of these hosts started, also after its end: by /proc/*/cmdline, which says
// "timmy-worker --parent HOST". (Whose program a worker is only root may see: it isn't dumpable.)
[[nodiscard]] std::vector<pid_t> workers_of(const std::set<pid_t>& hosts);

}  // namespace host::e2e
