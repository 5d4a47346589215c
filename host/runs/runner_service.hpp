// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "base/file.hpp"
#include "base/process.hpp"

namespace host::runs {

// Starts a supervisor for each connection, which from then on is the supervisor's own. Knows
// nothing of runs. Blocks; a process of its own, of one thread.
class RunnerService {
 public:
  // `listener`: a UNIX stream socket that listens. `program`, `cgroups`: as OwnSupervisors has
  // them. `most`: runs at the same time; one more is told that there is no room.
  RunnerService(Fd listener, std::filesystem::path program, std::filesystem::path cgroups,
                std::size_t most);

  // Until SIGTERM or SIGINT, which are passed on; then until every supervisor has ended its run.
  // Throws Error{io}.
  void run();

 private:
  void accept_one();
  bool has_room();
  void reap();

  Fd listener_;
  std::filesystem::path program_;
  std::filesystem::path cgroups_;
  std::size_t most_;
  std::vector<Child> supervisors_;
};

// Listens at `path`, which only this user reaches (mode 0600). What a dead runner left there is
// replaced. Throws Error{already_running} when somebody answers there, Error{io}.
[[nodiscard]] Fd listen_for_runs(const std::filesystem::path& path);

// The cgroup of this service, if systemd has delegated it: this process moves into a folder
// `service` of its own there, and the controllers are handed down. Empty: there is none.
[[nodiscard]] std::filesystem::path claim_delegated_cgroup();

}  // namespace host::runs
