// SPDX-License-Identifier: Apache-2.0
//
// The middle of a job's way: takes jobs that are ready out of the queue, hands them to workers, and
// writes what came of them back. Decides who may start now and how much is sent ahead; knows
// nothing of schedules, services or plugins' files.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "queue/queue.hpp"
#include "workers/pool.hpp"

namespace host {

// What a plugin's `run` gets of a job, as timmy/abi.h says.
[[nodiscard]] std::string job_json(const ClaimedJob& job);

// A task that this host runs now.
struct RunnableTask {
  std::string name;
  std::string plugin;
  std::shared_ptr<const WorkerSpec> worker;
  Duration timeout{};
  RetryPolicy retry;
  int concurrency = 1;
  std::string queue = "default";
  RateLimit rate;
  std::vector<std::string> waits_for;  // outside systems, as set_available() names them
};

// What the rooms above add to a run. Loop thread.
class RunHooks {
 public:
  virtual ~RunHooks() = default;
  // The job is about to be handed to a worker.
  virtual void opened(const ClaimedJob& job, const RunnableTask& task) = 0;
  // The plugin's code is being called: the deadline runs.
  virtual void begun(RunId run) = 0;
  // The run is over. What it staged joins the transaction of its end.
  struct Closing {
    std::function<void(Unit&)> commit;  // if it completed; may be empty
    std::function<void(Unit&)> charge;  // however it ended: what it used; may be empty
    std::vector<Follower> followers;    // those that fit what becomes of the job
    std::set<std::string> unreachable;  // outside systems that it found so
    // It was told that what it asked for can be had again after so long. A run that then fails, and
    // may be tried again, waits for that at no cost.
    std::optional<Duration> wait{};
    std::function<void(Unit&)> note_wait{};  // where the job then waits for just that; may be empty
  };
  // `verdict`: as the worker gave it, before it is judged.
  [[nodiscard]] virtual Closing closed(RunId run, const Verdict& verdict) = 0;
  // The verdict that was written, and what became of the job by it.
  virtual void finished(JobId job, const RunnableTask& task, const Verdict& verdict,
                        JobState state) = 0;
  // The task's plugin can't be made, and could not be made later: `refusal` says why. The job goes
  // back at no cost, and nothing of this worker's is claimed until the tasks are set again. From
  // inside the pool: don't call it.
  virtual void unmade(const RunnableTask& task, const Verdict& refusal) {
    (void)task;
    (void)refusal;
  }
};

// Loop thread throughout.
class Executor final : public Queue::Starter {
 public:
  struct Limits {
    int running = 8;  // jobs that run at the same time, over all tasks
    // How much work is claimed ahead for a task: at most this many jobs, and no more than it is
    // expected to finish within `ahead`. A slow task is so claimed one by one.
    int batch = 4096;
    Duration ahead = std::chrono::milliseconds(20);
  };

  // None is owned; all outlive the executor.
  Executor(Queue& queue, Pool& pool, RunHooks& hooks, Loop& loop, Log log, Limits limits);
  ~Executor() override;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // How many jobs may run at once from now on. More than that go on as they were.
  void set_running(int running);
  // How many jobs of a queue's tasks may run at once; a queue that is not named has no bound.
  void set_queues(std::map<std::string, int> limits);
  // Pauses may have changed.
  void look_again();

  // Replaces what may run. Jobs in workers go on with what they were started with. A task that is
  // gone keeps its waiting jobs in the queue.
  void set_tasks(std::map<std::string, RunnableTask> tasks);

  // Whether an outside system can be reached. While it can't, tasks that wait for it are not
  // claimed; when it is back they are, at once. Unknown systems count as available.
  void set_available(const std::string& system, bool available);

  // False: nothing is claimed until true again; what runs goes on. For a store that can't be
  // written, where each claim would fail.
  void set_claiming(bool claiming);

  // The queue says that `task` may have jobs.
  void ready(const std::string& task);

  // Queue::Starter:
  [[nodiscard]] bool offer(const std::string& task, int count) override;
  void started(const std::string& task, int offered, Claimed claimed) override;

  // Stops claiming. Calls `drained` once nothing runs and each end is stored; after `grace` what
  // still runs is killed and goes back to the queue as interrupted, without an attempt burned. Ends
  // that the store doesn't take are not waited for without end: the next host finds these runs
  // interrupted.
  void drain(Duration grace, std::function<void()> drained);
  // Ends the grace now.
  void hurry();

  // Stops a running job: asks, then kills; `at_once`: without the grace. False if it does not run
  // here.
  bool cancel(JobId job, bool at_once = false);

  // Starts that a queue's tasks have taken.
  [[nodiscard]] int running_in(const std::string& queue) const;

  struct Load {
    int claimed = 0;  // jobs that are this executor's: handed to a worker, or sent ahead to one
    int begun = 0;    // of these, those whose code is being run
  };
  [[nodiscard]] Load load() const;

 private:
  struct Lane {  // a task, with what it has in flight
    std::optional<RunnableTask> task;
    int claimed = 0;        // handed to the pool, not yet over
    int slots = 1;          // its concurrency when `claimed` last changed
    std::string queue;      // whose slots they are
    bool claiming = false;  // a claim is on its way
    int offers = 0;         // inserts on their way whose jobs may start
    bool hungry = false;    // the queue may have more
    bool flooded = false;   // the last claim left some of them behind
    Timer again;            // for a claim that failed
    Duration typical{};     // moving average of a run's length; zero: unknown
  };
  struct Run {
    ClaimedJob job;
    std::shared_ptr<const RunnableTask> task;
    std::optional<MonotonicTime> begun;
    bool cancelled = false;
  };

  void fill(const std::string& name);
  [[nodiscard]] bool may_claim(const Lane& lane) const;
  [[nodiscard]] int bound(const Lane& lane) const;
  [[nodiscard]] int to_claim(const Lane& lane) const;
  [[nodiscard]] int free_in_queue(const RunnableTask& task) const;
  [[nodiscard]] int free_starts(const RunnableTask& task) const;
  [[nodiscard]] static int starts_of(const Lane& lane);
  [[nodiscard]] bool others_wait(const Lane& lane) const;
  void wait_for_start(const std::string& name);
  void claimed(const std::string& name, int asked, Result<Claimed> result);
  void ask_later(Lane& lane, const std::string& name, Duration pause);
  struct Ending;
  [[nodiscard]] static Queue::Also also(std::shared_ptr<Ending> ending, WallTime now);
  void note_follower(const NewJob& job, WallTime inserted);
  void refused(RunId run, const std::shared_ptr<const RunnableTask>& task, const Ending& ending,
               Verdict verdict, const Error& error);
  [[nodiscard]] bool blocked(const RunnableTask& task) const;
  void start(const std::string& name, std::vector<ClaimedJob> jobs);
  void give_back(const std::shared_ptr<const RunnableTask>& task, std::vector<RunId> runs);
  void on_begun(RunId run);
  void on_outcome(RunId run, RunOutcome outcome);
  void on_unmade(const Run& run, const Verdict& refusal);
  [[nodiscard]] Verdict judge(const Run& run, Verdict verdict, RunHooks::Closing& closing) const;
  void finish(Run run, Verdict verdict, RunHooks::Closing closing);
  void change_claimed(Lane& lane, int by);
  void write(RunId run, std::shared_ptr<const RunnableTask> task, Verdict verdict,
             RunHooks::Closing closing);
  void after_finish(const std::string& name);
  void fill_starved();
  void maybe_drained();
  void end_drain();

  Queue* queue_;
  Pool* pool_;
  RunHooks* hooks_;
  Loop* loop_;
  Log log_;
  Limits limits_;
  std::map<std::string, Lane> lanes_;
  std::unordered_map<RunId, Run> runs_;
  std::set<std::string> unavailable_;
  std::map<std::string, int> queue_limits_;
  std::map<std::string, int> queue_slots_;  // of `slots_`, by queue
  std::deque<std::string> starved_;         // lanes that had no slot when they wanted one, in turn
  int slots_ = 0;      // starts taken: each lane's claimed jobs, at most its concurrency
  int finishing_ = 0;  // verdicts on their way to the store
  std::function<void()> drained_;
  Timer grace_;
  Timer last_writes_;
  bool claiming_ = true;
  bool draining_ = false;
};

}  // namespace host
