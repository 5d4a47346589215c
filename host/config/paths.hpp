// SPDX-License-Identifier: Apache-2.0
//
// Where things are. Derived from the environment once, at start; nothing else reads these
// variables.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace host {

// Environment variables as a value, so that tests and `--host` can bring their own. An empty
// variable counts as unset.
class Environment {
 public:
  Environment() = default;
  explicit Environment(std::map<std::string, std::string> variables)
      : variables_(std::move(variables)) {}
  // Those of this process, copied now.
  [[nodiscard]] static Environment of_process();
  [[nodiscard]] std::optional<std::string> get(const std::string& name) const;

 private:
  std::map<std::string, std::string> variables_;
};

// All paths are absolute. Nothing is created or looked at.
//
//   hermes_home   $HERMES_HOME, else ~/.hermes, else $STATE_DIRECTORY/hermes
//   timmy_home    $TIMMY_HOME, else $STATE_DIRECTORY (systemd), else ~/.timmy
//   config        $CONFIGURATION_DIRECTORY (systemd), else timmy_home
//   run           $RUNTIME_DIRECTORY (systemd), else timmy_home/run
//   credentials   $CREDENTIALS_DIRECTORY (systemd), else none
//
// TIMMY_SYSTEM=1 stands for the directories of the system service (/etc/timmy-host,
// /var/lib/timmy-host, /run/timmy-host), so that an operator's shell finds its socket.
struct Paths {
  std::filesystem::path home;  // $HOME; empty when there is none
  std::filesystem::path hermes_home;
  std::filesystem::path timmy_home;
  std::filesystem::path config;
  std::filesystem::path run;
  std::optional<std::filesystem::path> credentials;

  // Throws Error{usage} when a variable holds a path that is not absolute, or when neither HOME nor
  // the variables that replace it are set.
  [[nodiscard]] static Paths from(const Environment& environment);

  [[nodiscard]] std::filesystem::path host_yaml() const { return config / "host.yaml"; }
  // Neither is the host's to choose: agents and the operator's own tools know them there.
  [[nodiscard]] std::filesystem::path token_budget() const {
    return hermes_home / "token_budget.json";
  }
  [[nodiscard]] std::filesystem::path token_usage() const {
    return hermes_home / "token_usage.jsonl";
  }
  [[nodiscard]] std::filesystem::path database() const { return timmy_home / "host.db"; }
  [[nodiscard]] std::filesystem::path plugins() const { return timmy_home / "plugins"; }
  // Beside host.yaml: as a system service in /etc, since people write them.
  [[nodiscard]] std::filesystem::path playbooks() const { return config / "playbooks"; }
  [[nodiscard]] std::filesystem::path stamps() const { return timmy_home / "stamps"; }
  [[nodiscard]] std::filesystem::path runs() const { return timmy_home / "runs"; }
  // The host's own repositories, which no agent reaches; agents' clones; what else they may write.
  [[nodiscard]] std::filesystem::path mirrors() const { return timmy_home / "mirrors"; }
  [[nodiscard]] std::filesystem::path clones() const { return timmy_home / "clones"; }
  [[nodiscard]] std::filesystem::path attempts() const { return timmy_home / "attempts"; }
  [[nodiscard]] std::filesystem::path daily_notes() const { return timmy_home / "daily-notes"; }
  // Working folders of workers, one each, emptied when a worker ends.
  [[nodiscard]] std::filesystem::path scratch() const { return run / "scratch"; }
  [[nodiscard]] std::filesystem::path socket() const { return run / "host.sock"; }
  // Where there is a runner service, it answers here.
  [[nodiscard]] std::filesystem::path runner_socket() const { return run / "runner.sock"; }
  // The secret that a command must show to change something; mode 0600.
  [[nodiscard]] std::filesystem::path cookie() const { return run / "cookie"; }
  // Held by the running host with F_SETLK. Stands with the database: one state, one host.
  [[nodiscard]] std::filesystem::path lock() const { return timmy_home / "host.lock"; }
};

// "~/x" with the home folder put in; other text as it is. Throws Error{invalid} when there is no
// home folder, and on "~user".
[[nodiscard]] std::filesystem::path expand_home(const std::string& text, const Paths& paths);

}  // namespace host
