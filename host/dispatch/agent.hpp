// SPDX-License-Identifier: Apache-2.0
//
// Agents as the host runs them: what is started for one attempt, and what its ending tells. An
// adapter for each kind turns settings into a program with its arguments, its environment and its
// files; it runs nothing itself. What an agent says, its exit status included, is no word on the
// work: that is verify.hpp's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "dispatch/playbook_agent.hpp"

namespace host::dispatch {

// One attempt.
struct AgentTask {
  std::string run;                    // its id, in [A-Za-z0-9._-]: names the agent's session
  std::string prompt;                 // rendered
  std::filesystem::path tree;         // the clone: where it works
  std::filesystem::path scratch;      // a folder of this attempt's alone, made, empty, writable in
                                      // the cage; outside of the clone
  std::filesystem::path report_file;  // {{run.report_file}}; in scratch
  std::string model_url;              // of the meter, as the run reaches it: "http://.../v1"
  Secret model_key;                   // of this run; worth nothing once it is closed
};

// A file that has to be there before the program starts.
struct AgentFile {
  std::filesystem::path path;  // in scratch
  std::string content;
  mode_t mode = 0600;
};

// A file or folder of the operator's that the agent gets a copy of.
struct AgentCopy {
  std::filesystem::path from;  // nothing happens where there is none
  std::filesystem::path to;    // in scratch
};

// What is to be run. All paths are absolute; nothing here is a shell's.
struct AgentLaunch {
  std::vector<std::string> arguments;              // the first is the program
  std::map<std::string, std::string> environment;  // all of it; holds the run's key
  std::filesystem::path folder;                    // where it runs
  std::filesystem::path scratch;
  std::string input;                           // its whole standard input
  std::vector<std::filesystem::path> folders;  // to be made, in this order, 0700; in scratch
  std::vector<AgentFile> files;                // likewise
  std::vector<AgentCopy> copies;
  std::vector<std::filesystem::path> readable;  // in the cage, besides what it always shows
  std::vector<std::filesystem::path> writable;
  std::vector<std::filesystem::path> kept;  // files and folders in scratch that outlive the run
};

// By sysexits(3), of a program that wants to be tried again later.
inline constexpr int kTryLater = 75;

// How its first process ended.
struct AgentExit {
  bool signalled = false;
  int number = 0;              // the exit status, or the signal
  bool ended_by_host = false;  // at a limit, by `cancel`, at a shutdown
  std::string tail;            // the end of its output, as it came
};

struct AgentEnd {
  enum class Kind {
    ended,         // no more than that: whether there is work, the gates say
    rate_limited,  // it asks to be tried later (75): no attempt is burned. Any program can say so,
                   // again and again: DispatchSettings::most_rate_limits
    not_usable,    // it can't work as it is set up: trying again changes nothing
    stopped,       // by the host
  };
  Kind kind = Kind::ended;
  std::string reason;   // one printable line: "ended with status 1", "was killed by SIGSEGV"
  std::string session;  // as it names it; empty: not told
};
// "ended", "rate-limited", "not usable", "stopped".
[[nodiscard]] std::string_view name(AgentEnd::Kind kind) noexcept;

// Where agents are looked for, and what they know of the machine.
struct AgentPlaces {
  std::filesystem::path home;                         // the host's user's; may be empty
  std::filesystem::path hermes_home;                  // the operator's own, never written to
  std::string path = "/usr/local/bin:/usr/bin:/bin";  // where programs are looked for
};

// Runs a program of the agent's in a cage that shows it nothing of the machine but `readable`,
// without a network, in a folder of its own with a HOME there, and waits for it: for "--version"
// and the like.
struct ProbeAnswer {
  bool ran = false;    // else `output` says why it did not
  int status = 0;      // 128 + signal
  std::string output;  // both streams, bounded
};
using AgentProbe = std::function<ProbeAnswer(const AgentLaunch&)>;

// A plain value behind it: immutable, any thread.
class Agent {
 public:
  Agent() = default;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  virtual ~Agent() = default;

  // What it is, for reports: "hermes 0.19.0", "/usr/local/bin/agent".
  [[nodiscard]] virtual std::string description() const = 0;

  // Why no attempt may start now, for a person ("$HERMES_HOME/ESTOP is there: ..."); nothing: it
  // may. Looked at before each attempt; burns none.
  [[nodiscard]] virtual std::optional<std::string> held() const { return std::nullopt; }

  // Throws Error{invalid} when these settings make no launch, {too_large} for a prompt that it
  // can't take.
  [[nodiscard]] virtual AgentLaunch launch(const AgentTask& task) const = 0;

  [[nodiscard]] virtual AgentEnd judge(const AgentExit& exit) const;
};

// The agent of these settings (laid_over()), looked for and asked what it is. Blocks as long as
// `probe` does, which only hermes needs. Throws Error{not_found} when there is no such program,
// {unsupported} for one that the host can't drive, {invalid} by agent_fault().
[[nodiscard]] std::unique_ptr<Agent> make_agent(const AgentSettings& settings,
                                                const AgentPlaces& places, const AgentProbe& probe);

// Makes folders, files and copies. Copies take regular files and folders, follow no link, and end
// with Error{too_large} past 64 MiB or 10,000 files. Throws Error. Before anything of the agent's
// has run in its scratch.
void prepare(const AgentLaunch& launch);

// Copies what is kept of a scratch into `folder` (made, 0700) when the run is over: regular files
// only, no link followed, 256 MiB at most. Gives back what was left out and why, a line each.
// Throws Error{io}.
std::vector<std::string> keep(const std::filesystem::path& scratch,
                              const std::vector<std::filesystem::path>& kept,
                              const std::filesystem::path& folder);

}  // namespace host::dispatch
