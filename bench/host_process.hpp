// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/test_folder.hpp"
#include "control/admin_client.hpp"

namespace bench {

// `timmy-host` as its users run it, with a home of its own in which the plugin "noop" is enabled.
// It is taken from where it was built, or from none: whoever starts the host says from where then.
class HostProcess {
 public:
  explicit HostProcess(bool built_plugin = true);
  // With this host.yaml instead.
  explicit HostProcess(const std::string& config);

  // Starts it with `more` after "run" and waits for its first answer. Throws host::Error if that
  // takes over 30 s.
  void start(const std::vector<std::string>& more = {});
  // SIGTERM, then waits; SIGKILL likewise.
  void stop();
  void kill();

  // Runs `timmy-host ARGUMENTS` to its end on this home. Throws host::Error if it fails.
  void command(std::vector<std::string> arguments) const;

  [[nodiscard]] const host::AdminClient& client() const { return client_; }
  [[nodiscard]] const host::Paths& paths() const { return paths_; }
  [[nodiscard]] pid_t pid() const { return host_->pid(); }

 private:
  [[nodiscard]] host::SpawnRequest request(std::vector<std::string> arguments) const;

  host::TestFolder folder_;
  host::Paths paths_;
  host::AdminClient client_;
  std::optional<host::Child> host_;
};

}  // namespace bench
