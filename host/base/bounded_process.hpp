// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/stop_line.hpp"

namespace host {

// Takes a piece of what a program prints. False: that is enough, end the program.
using OutputSink = std::function<bool(std::string_view)>;

// A program to run to its end, within bounds.
struct BoundedRun {
  SpawnRequest request;  // its descriptors 0 to 2 are set here; it sees its path as argv[0]
  int input = -1;        // its standard input, read from where it stands; -1: none
  Duration limit = std::chrono::seconds(60);
  std::uint64_t most_memory = 0;    // bytes of data (RLIMIT_DATA); 0: unbounded
  std::uint64_t largest_file = 0;   // bytes that it may write to one file; 0: unbounded
  std::size_t most_errors = 16384;  // of its standard error, the first bytes
  const StopLine* stop = nullptr;   // once it is pulled the program is told to end; none: never
};

struct BoundedEnding {
  enum class Kind { exited, signalled, timed_out, stopped };  // stopped: by the sink
  Kind kind = Kind::exited;
  int number = 0;      // the exit status, or the signal
  std::string errors;  // its standard error, bounded

  [[nodiscard]] bool ok() const { return kind == Kind::exited && number == 0; }
};

// Runs it and hands `sink` what it prints. What is left of its process group when it ends, or at
// its limit, is killed. Blocks; any thread that may wait. Throws Error when it can't be started,
// and what the sink throws; Error{unavailable} once `stop` is pulled: its group has had a SIGTERM
// then and a moment to clear up.
[[nodiscard]] BoundedEnding run_bounded(const BoundedRun& run, const OutputSink& sink);

// A file in memory that holds `text`, at its start: for a program's standard input. Throws.
[[nodiscard]] Fd memory_file(std::string_view text);

}  // namespace host
