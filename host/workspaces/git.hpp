// SPDX-License-Identifier: Apache-2.0
//
// git, run by the host as a list of arguments. Nothing that a repository, an agent, the machine's
// or the user's configuration says makes it run anything else: see closed_settings() in git.cpp.
// It is run only in folders that no agent can write; in an agent's clone it is run by the cage.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bounded_process.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "workspaces/git_credential.hpp"

namespace host::workspaces {

// The one way in which a command may reach another repository.
enum class GitProtocol { none, file, http, https };

struct GitCommand {
  std::vector<std::string> arguments;              // after "git": {"fetch", "--quiet", ...}
  std::filesystem::path git_dir;                   // absolute; empty: none (init, version)
  std::filesystem::path work_tree;                 // absolute; empty: none
  std::map<std::string, std::string> environment;  // on top of the closed one
  std::vector<std::pair<std::string, std::string>> settings;  // likewise, as "http.sslCAInfo"
  GitProtocol protocol = GitProtocol::none;
  const GitCredential* credential = nullptr;
  bool far = false;  // what it reaches is not on this machine: through the proxy, if there is one
  int input = -1;    // a descriptor to read from; -1: none
  int held = -1;     // a descriptor that it keeps open until it has ended: a lock
  Duration limit = std::chrono::seconds(60);
  std::size_t most_output = std::size_t{1} << 20;
  std::uint64_t largest_file = std::uint64_t{8} << 30;  // that it may write
  // Takes the output instead of GitEnding::output, and most_output counts for nothing.
  OutputSink sink;
};

struct GitEnding {
  int status = 0;
  std::string output;
  std::string errors;    // one line, printable, bounded, without the credential
  bool stopped = false;  // the sink had enough; the status means nothing
};

struct GitSettings {
  // An absolute path. The default is where Debian has it.
  std::filesystem::path program = "/usr/bin/git";
  // A folder of the host's own that stays empty: git's home. Made if it is not there.
  std::filesystem::path home;
  std::filesystem::path ca_file;  // for forges with a certificate of their own; empty: the system's
  // The variables by which forges beyond this machine are reached: proxy_variables().
  std::map<std::string, std::string> proxy;
  std::uint64_t most_memory = std::uint64_t{2} << 30;  // of each git process
  // Pulled: each git at work is told to end, and none is started. None: never.
  std::shared_ptr<const StopLine> stop;
};

// Thread-safe; every call blocks until git has ended.
class Git {
 public:
  // Throws Error{unsupported} when there is no git, or one before 2.39 (Debian 12's): older ones
  // lack safe.bareRepository and fixes that this relies on.
  explicit Git(GitSettings settings);

  // Runs it. A status that is not 0 is no exception. Throws Error{timed_out}, {too_large} past
  // most_output, {io} when it can't be started or died of a signal, {unavailable} once
  // GitSettings::stop is pulled.
  [[nodiscard]] GitEnding run(const GitCommand& command) const;

  // Runs it and returns what it printed. Throws, for a status that is not 0, an Error that says
  // what kind of failure it is and what to do (git_error.hpp). `doing`: "fetching org/app".
  std::string must(const GitCommand& command, std::string_view doing) const;
  // That Error, for who runs it otherwise. Where the disk of its repository is full, which git does
  // not always say, it is {unavailable}.
  [[nodiscard]] static Error failure(const GitCommand& command, const GitEnding& ending,
                                     std::string_view doing);

  // The same git, ended by that line instead.
  [[nodiscard]] Git stopped_by(std::shared_ptr<const StopLine> stop) const {
    Git other = *this;
    other.settings_.stop = std::move(stop);
    return other;
  }
  [[nodiscard]] const std::filesystem::path& program() const { return settings_.program; }
  // GitSettings::stop; null: never pulled.
  [[nodiscard]] const StopLine* stop() const { return settings_.stop.get(); }
  [[nodiscard]] const std::shared_ptr<const StopLine>& stop_line() const { return settings_.stop; }

 private:
  [[nodiscard]] SpawnRequest spawn_request(const GitCommand& command) const;

  GitSettings settings_;
};

}  // namespace host::workspaces
