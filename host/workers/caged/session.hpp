// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "workers/caged/leftovers.hpp"
#include "workers/caged/library.hpp"
#include "workers/caged/link.hpp"
#include "workers/caged/peak_memory.hpp"
#include "workers/caged/reading.hpp"
#include "workers/caged/run_context.hpp"
#include "workers/message.hpp"

namespace host::caged {

// A worker at work, in its cage. Two threads: this one reads the channel while plugin code runs
// (reading.hpp); the task thread makes the plugin and runs the jobs, one after another, in the
// order in which they came.
class Session {
 public:
  // `channel` is not owned; `plugin` has the plugin's bytes; `decoder` may hold frames that came
  // after `hello`.
  Session(int channel, Fd plugin, FrameDecoder decoder, Hello hello, CageReport cage,
          Leftovers leftovers, PeakMemory memory);

  // Reads until the host closes the channel, then ends the process, whatever the plugin does.
  [[noreturn]] void serve();

  [[nodiscard]] Link& link() { return link_; }

 private:
  struct Queued {
    RunId run;
    std::string body;
  };
  enum class Next { none, job, quit };

  // The thread whose turn it is to read.
  void take_frames();
  void take_frame(const Frame& frame);
  void cancel(RunId run);
  // Takes a run that has not begun out of the inbox, and says so.
  void drop(RunId run);

  // Task thread.
  void work();
  void make_plugin();
  [[nodiscard]] bool next_job(Queued& job);
  [[nodiscard]] Next take_job(Queued& job);
  void run(const Queued& job);
  void set_cpu_limit();
  [[nodiscard]] bool time_to_measure();
  void measure();
  void destroy();
  [[noreturn]] void leave();

  static void log(void* ctx, std::int32_t level, timmy_str text);

  Fd plugin_;
  FrameDecoder decoder_;
  Hello hello_;
  CageReport cage_;
  Leftovers leftovers_;
  PeakMemory memory_;
  Link link_;
  Reading reading_;
  Calls calls_;
  timmy_host host_table_;

  // Task thread only.
  std::unique_ptr<Library> library_;
  Outcome outcome_;
  std::string body_;
  std::int64_t cpu_limit_ = 0;  // seconds, as last set
  // As last measured: what the process used, and what it holds beyond its start.
  std::chrono::steady_clock::time_point measured_;
  Duration cpu_{};
  std::uint64_t max_rss_bytes_ = 0;
  Leftovers::Counts left_;

  std::mutex mutex_;  // guards the rest
  std::deque<Queued> inbox_;
  bool quit_ = false;
  bool ended_ = false;  // a run failed: no further one begins here
  RunContext* current_ = nullptr;
  // Those of past runs stay a while, so that a thread that a run left behind reads memory that is
  // still a timmy_run, and is told that the run has ended.
  std::deque<RunContext> contexts_;
};

}  // namespace host::caged
