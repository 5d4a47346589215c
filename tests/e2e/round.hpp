// SPDX-License-Identifier: Apache-2.0
//
// A host and a forge, for real, and one round of work between them: what `./dev run` does.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "config/paths.hpp"
#include "e2e/host_process.hpp"

namespace host::e2e {

struct RoundOptions {
  std::filesystem::path bin;     // timmy-host, timmy-worker, timmy-forge
  std::filesystem::path folder;  // emptied; state of host and forge goes here
  std::string gitea_url;         // empty: the sample forge is started
  std::string hermes_home;       // where that Gitea's token is looked for; empty: ~/.hermes
  std::string repos;             // "owner/name,..."; empty: all of the token's user and the sample
};

// Blocking; prints what it does on stdout.
class Round {
 public:
  explicit Round(RoundOptions options);
  // Ends what was started.
  ~Round();

  // Forge and host, ready. Throws Error.
  void start();
  // Runs heartbeat and triage once, then compares what the forge says with what the rules say.
  // Prints each difference. True if there is none and heartbeat's stamp is newer than the start.
  [[nodiscard]] bool check();
  // Waits for SIGINT or SIGTERM, or for the host's end.
  void stay();
  // SIGTERM to the host, and waits for its end. Throws Error if it does not end with 0.
  void stop();

 private:
  void start_forge();
  void find_repos();
  void write_config() const;
  void start_host();
  [[nodiscard]] Json api(const std::string& target) const;
  [[nodiscard]] bool check_repo(const std::string& repo) const;
  [[nodiscard]] bool check_stamp() const;

  RoundOptions options_;
  Paths paths_;
  std::string url_;
  std::vector<std::string> repos_;
  WallTime started_{};
  Child forge_;
  std::unique_ptr<HostProcess> host_;
};

}  // namespace host::e2e
