// SPDX-License-Identifier: Apache-2.0
//
// One program in a cage of its own: an agent, or a gate's command. What it may use, and what became
// of it, in facts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/socket_address.hpp"

namespace host::runs {

enum class Network {
  meter_only,  // the meter's endpoint, and nothing else
  open,        // all that the machine reaches
};

// What a run may use. 0: no bound, but for `grace`.
struct RunLimits {
  Duration wall = std::chrono::minutes(60);  // from the program's start
  Duration stall{};                          // without output, and without Runner::alive()
  Duration grace = std::chrono::seconds(5);  // from SIGTERM to SIGKILL
  std::uint64_t memory = 0;                  // bytes, of all its processes together
  int processes = 0;                         // and threads, all together
  std::uint64_t disk = 0;                    // bytes, of all writable folders together
  std::uint64_t output_kept = 2u << 20;      // bytes: the first half of them, and the last
  std::uint64_t output_most = 1u << 30;      // bytes; a run that prints more is ended
};

// A run to start.
struct RunSpec {
  // Names its folder: 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.', not beginning with '.'. Unique as
  // long as its folder is kept.
  std::string id;
  // argv. The first is looked for on PATH, as `environment` has it, unless it has a slash.
  std::vector<std::string> arguments;
  std::filesystem::path folder;  // working directory: one of `writable`, or below
  // All of its environment. base_environment() is a start.
  std::map<std::string, std::string> environment;
  std::filesystem::path input;  // a file as its standard input, opened by the host; empty: nothing
  // Folders that it may change, with all below, absolute and there: as a rule clone and scratch.
  std::vector<std::filesystem::path> writable;
  // One of `writable`: /tmp of the run is its folder `tmp`.
  std::filesystem::path scratch;
  // Files and folders besides the system's that it may read and run, absolute. Those that are not
  // there are left out and noted. The system's: /usr and its links, what programs look up in /etc.
  std::vector<std::filesystem::path> readable;
  Network network = Network::meter_only;
  // The host's meter, on loopback; with meter_only at the same address inside. None: nothing is.
  std::optional<SocketAddress> meter;
  RunLimits limits;
};

// PATH, LANG, HOME (scratch/home), TMPDIR (scratch/tmp), and that git reads no configuration of the
// machine's. Both folders are made when a run starts.
[[nodiscard]] std::map<std::string, std::string> base_environment(
    const std::filesystem::path& scratch);

// What held the run, as the kernel took it.
struct InForce {
  struct Layer {
    bool in_force = false;
    std::string detail;  // "ABI 7"; or why it is not in force
    bool operator==(const Layer&) const = default;
  };
  Layer pid_namespace;  // every descendant goes with its first process
  Layer private_root;   // what is not allowed can't even be seen; read-only but for `writable`
  Layer network;        // a network namespace with the meter alone; never with Network::open
  Layer cgroup;         // of its own: all are killed at once; `detail` says what it bounds
  Layer processes;      // limits.processes is the kernel's, also while no supervisor runs
  Layer landlock;       // files by allow-list
  Layer seccomp;        // system calls
  std::vector<std::string> notes;  // readable paths that are not there, and the like

  // Whether a hostile program could have outlived its run.
  [[nodiscard]] bool may_outlive() const { return !pid_namespace.in_force && !cgroup.in_force; }
  // Whether it could have reached models other than by the meter.
  [[nodiscard]] bool bypassable() const { return !network.in_force; }
  // (name, layer), in the order above, for people: "pid namespace".
  [[nodiscard]] std::vector<std::pair<std::string_view, const Layer*>> layers() const;
  bool operator==(const InForce&) const = default;
};

struct RunUsage {
  Duration cpu{};                 // user and system, of every process that was waited for
  Duration wall{};                // from the program's start
  std::uint64_t peak_memory = 0;  // bytes, of all processes together: measured, or the cgroup's
  int peak_processes = 0;         // as measured
  std::uint64_t output = 0;       // bytes that it printed
  Duration last_output{};         // after its start; 0: it printed nothing
  bool operator==(const RunUsage&) const = default;
};

// How a run ended. For all kinds but `lost`: none of its processes is left, unless
// in_force.may_outlive().
struct RunEnding {
  enum class Kind {
    exited,       // by itself; `number`: its exit status. 0 says nothing of what it did
    signalled,    // by a signal that nobody here sent; `number`
    deadline,     // limits.wall passed
    stalled,      // limits.stall passed
    memory,       // limits.memory; the kernel's, or measured
    processes,    // limits.processes, as measured: the kernel's bound is none, or a wider one
    disk,         // limits.disk, or the disk is as good as full
    output,       // limits.output_most
    cancelled,    // Runner::cancel()
    lost,         // its supervisor is gone, which nobody here ended
    not_started,  // nothing was run: `evidence` says why
  };
  Kind kind = Kind::lost;
  int number = 0;        // exit status or signal of the program, where there was one, for each kind
  bool killed = false;   // SIGKILL was needed
  std::string evidence;  // one sentence, for people
  RunUsage usage;
  InForce in_force;
  bool operator==(const RunEnding&) const = default;

  // Nobody stopped it, and it said 0. That it did its work nobody knows by that.
  [[nodiscard]] bool exited_zero() const { return kind == Kind::exited && number == 0; }
};

[[nodiscard]] std::string_view name(RunEnding::Kind kind) noexcept;

// Throws Error{invalid} naming what is wrong with it: an id that is no name, no arguments, paths
// that are not absolute, a meter that is not on loopback.
void check(const RunSpec& spec);

// As text: for the supervisor, and for runs/<id>/. The other way throws Error{invalid}.
[[nodiscard]] Json to_json(const RunSpec& spec);
[[nodiscard]] Json to_json(const InForce& in_force);
[[nodiscard]] Json to_json(const RunEnding& ending);
[[nodiscard]] RunSpec run_spec_from(const Json& json);
[[nodiscard]] InForce in_force_from(const Json& json);
[[nodiscard]] RunEnding run_ending_from(const Json& json);

}  // namespace host::runs
