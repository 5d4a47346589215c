// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "workers/pool.hpp"
#include "workers/worker_process.hpp"

namespace host {

// A run that somebody submitted.
struct PendingRun {
  std::shared_ptr<const WorkerSpec> spec;
  RunRequest request;
  WorkerPool::OnBegun on_begun;
  WorkerPool::OnOutcome on_outcome;

  [[nodiscard]] bool alone() const { return request.alone || spec->fresh; }
};

// One worker and the runs that were sent to it, the current one first. Watches the current run's
// deadline, checks each frame against the run that it names, serves its calls. Loop thread.
class Worker {
 public:
  // What the pool is told. Never from inside a call of the worker's.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void ready(Worker& worker, const CageReport& cage) = 0;
    virtual void progressed(Worker& worker) = 0;  // runs have ended: there may be room, or nothing
    // A run came back that withdraw() had asked for.
    virtual void withdrawn(Worker& worker, PendingRun run) = 0;
    // The process is gone; `unbegun` were sent to it and never begun there. `clean`: it ended as it
    // was asked to. The owner lets go of the worker, though not before this returns.
    virtual void ended(Worker& worker, std::deque<PendingRun> unbegun, bool clean) = 0;
    virtual PoolStats& counters() = 0;
  };

  struct Surroundings {
    boost::asio::io_context& context;
    Loop& loop;
    const Log& log;
    ServiceHandler& services;
    const PoolSettings& settings;
    Owner& owner;
  };

  // Throws when the program can't be told what it is for.
  Worker(const Surroundings& around, WorkerProgram program, std::shared_ptr<const WorkerSpec> spec);

  // Whether a run may be added to those that are here, or be the only one.
  [[nodiscard]] bool has_room(const PendingRun& run) const;
  [[nodiscard]] bool idle() const { return sent_.empty() && !ending_; }
  [[nodiscard]] bool ending() const { return ending_; }
  [[nodiscard]] bool used() const { return taken_ > 0; }
  // As many runs as it should get have come to it, or it has grown too large for more.
  [[nodiscard]] bool used_up() const { return outgrown_ || taken_ >= spec_->recycle_after; }
  [[nodiscard]] std::size_t load() const { return sent_.size(); }
  // Runs that wait here behind the current one, and have not been asked for.
  [[nodiscard]] std::size_t ahead() const;
  [[nodiscard]] const std::string& task() const { return task_; }
  // REQUIRES: load() > 0. The task that it runs, and how many may.
  [[nodiscard]] std::pair<std::string, int> current() const {
    return {task_, sent_.front().run.request.concurrency};
  }
  [[nodiscard]] const WorkerSpec& spec() const { return *spec_; }
  [[nodiscard]] MonotonicTime idle_since() const { return idle_since_; }
  [[nodiscard]] PoolStats::Row row() const;
  // Whether what was granted is still what it was when the process started.
  [[nodiscard]] bool grants_unchanged() const;

  // REQUIRES: has_room(run). Throws Error{too_large}; the run is not taken then.
  void send(PendingRun&& run);
  // False if the run isn't here.
  bool cancel(RunId run, bool at_once);
  // Asks for half of the runs that have not begun; they come back unless they begin first.
  void withdraw();
  // Ends the process after the current run; further ones don't begin.
  void quit();
  // Ends it now: cancelled() for the run under way, SIGTERM, SIGKILL. Asked a second time: without
  // the first of these.
  void interrupt();

 private:
  struct Sent {
    PendingRun run;
    bool cancelled = false;
    bool withdrawn = false;
  };

  void on_frame(const Frame& frame);
  void on_ready(const Frame& frame);
  void on_begun(const Frame& frame);
  void on_result(const Frame& frame);
  void on_dropped(const Frame& frame);
  void on_call(const Frame& frame);
  void on_log(const Frame& frame);
  void on_line(std::string_view line);
  void on_died(const Death& death);

  [[nodiscard]] bool current_is(RunId run) const {
    return begun_ && sent_.front().run.request.run == run;
  }
  void require(bool holds, const Frame& frame, const char* expected);
  void answer(RunId run, std::uint64_t id, const Result<std::string>& result);
  void pass_line(RunId run, Level level, std::string_view text);
  void report_dropped_lines();
  void expect_begun();
  void watch_deadline();
  void on_deadline();
  void note_memory(std::uint64_t peak);
  void stop(Stop why);
  void terminate();
  void arm_idle();
  void limit_farewell();
  [[nodiscard]] Usage usage_until(Duration cpu, std::uint64_t max_rss);
  void settle(RunOutcome outcome);

  Surroundings around_;
  std::shared_ptr<const WorkerSpec> spec_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> granted_;  // device and inode of each path
  std::unique_ptr<WorkerProcess> process_;

  std::deque<Sent> sent_;
  std::size_t sent_bytes_ = 0;
  std::string task_;
  int taken_ = 0;
  int ended_runs_ = 0;
  bool ready_ = false;
  bool begun_ = false;      // the front's code is being called
  bool ending_ = false;     // gets no further run
  bool signalled_ = false;  // SIGTERM was sent
  std::optional<Verdict> refused_;

  bool memory_limited_ = false;
  bool outgrown_ = false;

  MonotonicTime deadline_{};  // of the current run, of the next one's `begun`, or of the start
  bool overdue_ = false;      // the next run has let half of its time pass
  MonotonicTime armed_for_{};
  Timer deadline_timer_;
  Stop stop_ = Stop::none;
  Timer escalation_;
  Timer idle_timer_;
  MonotonicTime idle_since_{};

  Duration cpu_before_{};
  int calls_ = 0;  // in flight
  LineLimit limit_;
  LastLines last_lines_;
  // Replies of services hold it weakly: they may come when the worker is gone.
  std::shared_ptr<Worker*> self_;
};

}  // namespace host
