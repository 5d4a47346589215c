// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "workers/cage.hpp"
#include "workers/service_handler.hpp"
#include "workers/worker_spec.hpp"

namespace host {

struct PoolStats {
  struct Row {
    int pid = 0;
    std::string plugin;
    std::string task;  // of the run under way, or empty
    RunId run;         // likewise
    int runs = 0;      // that ended in it
    int ahead = 0;     // sent, not begun
    bool ending = false;
  };
  std::vector<Row> workers;
  int standby = 0;          // the pid of a process that no run has taken yet; 0: none
  std::size_t waiting = 0;  // runs that no worker has taken yet
  // Since the pool was made.
  std::uint64_t started = 0;
  std::uint64_t crashed = 0;          // ended by themselves, with or without a run
  std::uint64_t killed = 0;           // by SIGKILL of ours: deadline, protocol, drain
  std::uint64_t protocol_errors = 0;  // bad frames, after each of which the worker is killed
  std::uint64_t stale_frames = 0;     // frames, service calls included, of a run that isn't current
  std::uint64_t dropped_lines = 0;
  std::uint64_t outgrown = 0;       // replaced for their memory
  std::uint64_t failed_starts = 0;  // of worker processes
  std::string start_error;  // why no worker can be started; empty: they can, or nobody needs one
};

// Where runs are handed to, as the executor sees it. Loop thread; what is called back is called on
// the loop, never from inside a call: on_outcome exactly once for each submit, unless the pool is
// destroyed first.
class Pool {
 public:
  using OnBegun = std::function<void()>;
  using OnOutcome = std::function<void(RunOutcome)>;

  virtual ~Pool() = default;
  // As WorkerPool says.
  virtual void submit(std::shared_ptr<const WorkerSpec> spec, RunRequest request, OnBegun on_begun,
                      OnOutcome on_outcome) = 0;
  virtual void cancel(RunId run, bool at_once = false) = 0;
  virtual void interrupt_all() = 0;
};

// Workers: processes that run plugins' code. Starts as many as the submitted runs need, sends jobs
// ahead to busy ones, watches deadlines, and says how each run ended. Keeps nothing: a run that
// the pool has is lost with the host, and is the queue's to give out again.
//
// Once a task has wanted a worker for each run, a process stands by for the next such run: not one
// of the workers yet, and ended when no run comes for as long as a worker may be idle.
//
// A worker runs one task at a time, so a task's concurrency is how many workers run it. Of one task
// runs begin in the order of submit().
class WorkerPool final : public Pool {
 public:
  // `context` is the one under `loop`; neither it, the loop nor `services` is owned. `worker` is
  // the timmy-worker program. The calling thread is the loop's: workers die with it.
  WorkerPool(boost::asio::io_context& context, Loop& loop, Log log, std::filesystem::path worker,
             ServiceHandler& services, PoolSettings settings = {});
  // Kills every worker.
  ~WorkerPool() override;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs one job. When the spec differs from the plugin's last one its workers are retired: they
  // end what was sent to them. on_begun: the plugin's code is being called, the deadline has
  // started. How a run ended is the verdict's kind and code:
  //   completed; failed (the plugin's own code); snoozed; cancelled
  //   timed_out    "deadline": of the run; or its worker was ready and did not begin it
  //   crashed      "signal", "exit", "memory", "cpu", "file_size", "no_result" (exit status 0),
  //                "channel" (closed while it lived), "protocol"
  //   interrupted  by interrupt_all(), or it began in a worker that was being stopped for the run
  //                before it
  //   failed       what `create` said
  // While no worker can be started, which is the machine's fault, runs wait here, and a start is
  // tried every `start_pause`.
  void submit(std::shared_ptr<const WorkerSpec> spec, RunRequest request, OnBegun on_begun,
              OnOutcome on_outcome) override;

  // Stops a run: cancelled() first, SIGTERM and SIGKILL after the graces; `at_once`: SIGTERM comes
  // without its grace, also when it was asked before. One that has not begun ends as cancelled. A
  // run that is not here is ignored.
  void cancel(RunId run, bool at_once = false) override;

  // No further run of this plugin begins: those that have not come back as not_begun; those that
  // have end as they would. submit() may start new workers at once.
  void retire(std::string_view plugin_id);

  // Ends everything: cancelled() becomes true, SIGTERM follows a second later, SIGKILL after
  // another moment; called again, SIGTERM comes at once. What had begun ends as interrupted, the
  // rest as not_begun, also what is submitted from now on.
  void interrupt_all() override;

  // Lets every worker end after its current run, and calls `done` when none is left. Runs that have
  // not begun come back as not_begun, also those submitted from now on.
  void close(std::function<void()> done);

  // What holds from now on: for workers that start, and for how many may be alive.
  void configure(PoolSettings settings);

  [[nodiscard]] PoolStats stats() const;
  // What the cage of the worker that started last has in force; nullopt before the first.
  [[nodiscard]] std::optional<CageReport> cage() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Removes what is below `scratch`: folders of workers that a killed host left. Call it once the
// lock on the state is held, before the first submit.
void sweep_scratch(const std::filesystem::path& scratch);

// Which layers of the cage this machine can put in force: asks a worker to enter it and to report.
// Blocks, at most 5 s. Throws Error{io} or {timed_out} when the worker does not answer.
[[nodiscard]] CageReport probe_cage(const std::filesystem::path& worker);

}  // namespace host
