// SPDX-License-Identifier: Apache-2.0
//
// The job queue as the loop sees it. A reply with a value means that what it tells is on the disk.
// All of it on the loop thread. What is asked in one turn of the loop is handed to the store at the
// turn's end, in one piece, so that it shares one commit: an insert and the claim that it causes,
// and the completions of many runs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "queue/controls.hpp"
#include "queue/job.hpp"
#include "queue/pruning.hpp"
#include "store/store.hpp"

namespace host {

// How long ended jobs and their history are kept, and what was written down about the host.
struct Retention {
  Duration completed = std::chrono::hours(24);
  Duration cancelled = std::chrono::hours(24);
  Duration discarded = std::chrono::hours(24 * 7);
  Duration events = std::chrono::hours(24 * 30);
  Duration intents = std::chrono::hours(24 * 30);  // from when they were resolved
  Duration audit = std::chrono::hours(24 * 365);
};

struct QueueStats {
  std::uint64_t inserted = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t claimed = 0;
  std::uint64_t finished = 0;
  std::uint64_t stale = 0;  // writes of runs that were no longer current: fenced off
  std::uint64_t poison = 0;
  std::uint64_t held = 0;
  std::uint64_t pruned = 0;
  std::size_t running = 0;
};

class Queue {
 public:
  // Store and loop outlive the queue. Requests of a queue that is gone are still carried out by the
  // store; their replies are not called.
  Queue(Store& store, Loop& loop, Log log);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // This host's row in `instances`; 0: not recovered yet.
  [[nodiscard]] std::int64_t instance() const noexcept { return instance_; }
  // Once, before the first claim: registers this instance of the host, gives back the runs of the
  // instances before it (interrupted, no attempt burned, history written, past kInterruptLimit
  // held), and starts the due timer. Waits for the store's check after an unclean stop.
  void recover(Reply<Recovery> done);

  // All of them or none. Inserted jobs survive kill -9 and power loss.
  // `by`: a run that asks for them. Error{stale} and nothing is inserted unless it is current.
  void insert(std::vector<NewJob> jobs, Reply<std::vector<Inserted>> done,
              std::optional<RunId> by = {});

  // Up to `count` jobs of the task, now running under leases of their own; may be none. They are
  // this instance's until finish() or give_back(). Error{conflict} before recover() is through. No
  // more than `rate` allows: it counts what was claimed, over restarts.
  void claim(std::string task, int count, Reply<Claimed> done, const RateLimit& rate = {});

  // Ends a run. `also` (may be empty) writes more in the same transaction: saved state, followers,
  // ledger rows. It is told what becomes of the job, and runs only if the run is still current, on
  // the store thread, maybe twice; what it throws undoes all and is the reply, and the run stays
  // current. Error{stale}: another run has the job, or none; nothing was changed. Whatever else
  // keeps the store from taking it (its queue is full, the disk is full, there is no memory), it is
  // asked again by itself, once a second: a run's end is never dropped.
  using Also = std::function<void(Unit&, JobState)>;
  void finish(RunId run, Verdict verdict, const RetryPolicy& policy, Also also,
              Reply<Finished> done);

  // Runs that were claimed but never begun go back at no cost. Stale ones are skipped. Replies with
  // the jobs that this ended, because they had been cancelled meanwhile. Asked again as finish().
  void give_back(std::vector<RunId> runs, Reply<std::vector<JobId>> done);

  // What operators order; durable when replied, the rules stand in job_table.hpp. Whoever cancels a
  // running job tells its run to stop: its end makes it cancelled.
  void cancel(JobId id, Reply<Cancelled> done);
  void retry(JobId id, Reply<Job> done);
  void discard(JobId id, Reply<Job> done);
  void run_now(JobId id, Reply<Job> done);
  // The same for all that match, some hundreds in a transaction, so that others get their turn.
  // Error{conflict}, and nothing done, unless exactly `expected` match when it begins; what matches
  // later is left alone. `stop` is called for each run that was cancelled, once that is durable:
  // tell it to stop. What has been done stays if the store fails on the way; the Error says how
  // much.
  void order(BulkAction action, JobFilter filter, std::int64_t expected,
             std::function<void(RunId)> stop, Reply<BulkOutcome> done);

  // Work of somebody else's that makes jobs available, in its turn among these requests. `work`
  // runs on the store thread, maybe twice, with now(); it returns the jobs' tasks.
  void make_available(std::function<std::set<std::string>(Unit&, WallTime now)> work,
                      Reply<Done> done);

  // Nothing of a paused task or queue is claimed, over restarts; what runs goes on. False: it was
  // so already.
  void set_paused(Pausable kind, std::string name, bool paused, Reply<bool> done);
  [[nodiscard]] const Pauses& pauses() const { return pauses_; }

  // What there is, as of this turn's place in the order of requests.
  void show(JobId id, Reply<JobDetail> done);
  void list(JobFilter filter, JobPage page, Reply<JobList> done);
  void counts(Reply<Counts> done);
  // When a run of each task last ended, as far as the newest some thousand ended jobs tell.
  void last_ends(Reply<std::map<std::string, WallTime>> done);
  // How many match, no further than `cap`.
  void count(JobFilter filter, std::int64_t cap, Reply<std::int64_t> done);

  // Whether this instance holds the run, by its own books: a cheap first look for service calls.
  // Writes are fenced in SQL all the same.
  [[nodiscard]] bool holds(RunId run) const;

  // Called when a task may have available jobs. Comes before the insert is durable, in the same
  // turn, so that a claim() made in it shares the insert's commit. A claim that then finds nothing
  // is normal. One handler; replaces the one before.
  void set_ready_handler(std::function<void(const std::string& task)> handler);

  // Whoever claims may take jobs as they are inserted: running from the first, with one write less.
  // Loop thread; both are called by the queue alone.
  class Starter {
   public:
    virtual ~Starter() = default;
    // Whether `count` more jobs of the task could start now. If so, that room is theirs until
    // started() says what came of it. Called inside insert(): claim nothing in it.
    [[nodiscard]] virtual bool offer(const std::string& task, int count) = 0;
    // What of the `offered` is running, durably, as after a claim: all of them, or none because
    // others wait before them (`more`) or they could not be inserted, which the inserter hears.
    virtual void started(const std::string& task, int offered, Claimed claimed) = 0;
  };
  // At most one; not owned, null: none. Replaces the one before.
  void set_starter(Starter* starter) { starter_ = starter; }

  // After a transaction of somebody else's that inserted a job was committed; `due` as in Inserted.
  void note_inserted(const std::string& task, std::optional<WallTime> due);

  void set_retention(Retention retention);

  // The clock of due times: see base/clock.hpp.
  [[nodiscard]] WallTime now() const { return timeline_.now(); }
  [[nodiscard]] const Timeline& timeline() const { return timeline_; }
  [[nodiscard]] QueueStats stats() const;

 private:
  struct Ending;

  struct Bulk;

  // Asks for an operation, and replies with what it returned. `reads`: it writes nothing, and is
  // answered also while the database can't be written.
  template <class V, class W>
  void ask(W work, std::function<void(Result<V>)> done, bool reads = false) {
    auto slot = std::make_shared<std::optional<V>>();
    enqueue({[slot, work = std::move(work)](Unit& unit) { slot->emplace(work(unit)); },
             [slot, reply = forward<V>(std::move(done))](Status status) {
               if (status) {
                 reply(std::move(**slot));
               } else {
                 reply(status.error());
               }
             },
             reads});
  }
  // The reply, unless the queue is gone by then.
  template <class V>
  [[nodiscard]] Reply<V> forward(Reply<V> done) const {
    return [alive = std::weak_ptr(alive_), done = std::move(done)](Result<V> result) {
      if (!alive.expired() && done) done(std::move(result));
    };
  }
  void ready_when_done(Result<Job> result, const Reply<Job>& done);
  void order_next(std::shared_ptr<Bulk> bulk);
  void enqueue(Store::Operation operation);
  void post_flush();
  void flush();
  void insert_waiting(std::vector<NewJob> jobs, Reply<std::vector<Inserted>> done,
                      std::optional<RunId> by);
  void insert_starting(std::vector<NewJob> jobs, Reply<std::vector<Inserted>> done,
                       std::optional<RunId> by);
  void note_claimed(Claimed& claimed);
  void note_inserted(const std::vector<Inserted>& inserted);
  void ready(const std::string& task);
  void note_due(WallTime due);
  void promote();
  void arm();
  void submit(std::shared_ptr<Ending> ending);
  void ended(const std::shared_ptr<Ending>& ending, const Status& status);
  void ask_again(const Error& why, std::function<void()> asking);
  void prune_if_time();
  void prune(std::size_t table);

  Store& store_;
  Loop& loop_;
  Log log_;
  Timeline timeline_;
  Pauses pauses_;
  std::function<void(const std::string&)> ready_handler_;
  Starter* starter_ = nullptr;
  std::mt19937_64 random_;
  std::int64_t instance_ = 0;  // see instance()
  std::string store_id_;
  struct Run {
    RunLease lease;
    std::string task;
  };
  std::unordered_map<JobId, Run> running_;
  std::vector<Store::Operation> batch_;  // asked for in this turn
  std::set<std::string> ready_tasks_;
  bool flush_posted_ = false;
  std::optional<WallTime> next_due_;
  bool promoting_ = false;
  Timer due_timer_;
  std::vector<std::function<void()>> refused_;  // runs' ends that the store didn't take
  Timer refused_timer_;
  // A table that is pruned.
  struct Pruned {
    std::function<PruneStep(Unit&, WallTime before, std::int64_t after, int limit)> step;
    Duration keep{};
    std::int64_t after = 0;  // as far as this round has come
    bool under_way = false;
  };
  std::vector<Pruned> pruned_;
  WallTime next_prune_;  // when the next round begins
  QueueStats stats_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace host
