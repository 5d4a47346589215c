// SPDX-License-Identifier: Apache-2.0
#include "queue/queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "queue/job_table.hpp"

namespace host {
namespace {

constexpr int kPromoteLimit = 1000;  // jobs that become due in one transaction
constexpr int kPruneLimit = 500;     // rows of a table looked at in one transaction
constexpr Duration kAskAgain = std::chrono::seconds(1);
constexpr Duration kFirstPrune = std::chrono::minutes(1);
constexpr Duration kPruneEvery = std::chrono::minutes(10);

// Whether the store may take the same operation later.
bool is_store_busy(const Error& error) {
  return error.code() == Code::io || error.code() == Code::unavailable ||
         error.code() == Code::rate_limited;
}

}  // namespace

// A run's end on its way to the disk.
struct Queue::Ending {
  RunId run;
  Verdict verdict;
  RetryPolicy policy;
  Also also;
  Reply<Finished> done;
  double random = 0;
  // Written by the store's thread before its reply is posted, read by the loop after.
  std::optional<Finished> finished;
  bool also_threw = false;

  void write(Unit& unit, WallTime now) {
    also_threw = false;
    finished = finish_run(unit, run, verdict, policy, now, random);
    if (!finished || !also) return;
    also_threw = true;  // unless it comes back
    also(unit, finished->state);
    also_threw = false;
  }
};

Queue::Queue(Store& store, Loop& loop, Log log)
    : store_(store),
      loop_(loop),
      log_(std::move(log)),
      timeline_(loop.clock()),
      random_(std::random_device{}()) {
  for (const auto state : {JobState::completed, JobState::cancelled, JobState::discarded})
    pruned_.push_back({[state](Unit& unit, WallTime before, std::int64_t after, int limit) {
      return prune_jobs(unit, state, before, after, limit);
    }});
  pruned_.push_back({prune_events});
  pruned_.push_back({prune_intents});
  pruned_.push_back({prune_audit});
  set_retention({});
}

void Queue::set_retention(Retention retention) {
  const std::array keeps{retention.completed, retention.cancelled, retention.discarded,
                         retention.events,    retention.intents,   retention.audit};
  for (std::size_t table = 0; table < keeps.size(); ++table)
    pruned_.at(table).keep = keeps.at(table);
}

Queue::~Queue() {
  alive_.reset();
  if (!batch_.empty()) store_.submit_all(std::move(batch_));
}

void Queue::enqueue(Store::Operation operation) {
  batch_.push_back(std::move(operation));
  post_flush();
}

void Queue::post_flush() {
  if (std::exchange(flush_posted_, true)) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) flush();
  });
}

void Queue::flush() {
  // The handler's claims join this batch, behind the inserts that they are for.
  while (!ready_tasks_.empty()) {
    const auto tasks = std::exchange(ready_tasks_, {});
    if (!ready_handler_) break;
    for (const auto& task : tasks) ready_handler_(task);
  }
  flush_posted_ = false;
  prune_if_time();
  if (!batch_.empty()) store_.submit_all(std::exchange(batch_, {}));
  // A machine that slept: the timer's clock stood still, the due times did not.
  if (next_due_ && *next_due_ <= now()) promote();
}

void Queue::ready(const std::string& task) {
  ready_tasks_.insert(task);
  post_flush();
}

void Queue::set_ready_handler(std::function<void(const std::string&)> handler) {
  ready_handler_ = std::move(handler);
}

void Queue::recover(Reply<Recovery> done) {
  struct Start {
    std::int64_t instance = 0;
    std::string store_id;
    Recovery recovery;
    std::optional<WallTime> due;
    Pauses pauses;
  };
  auto start = [now = now()](Unit& unit) {
    Start s;
    s.instance = register_instance(unit, now);
    s.store_id = read_store_id(unit);
    s.recovery = recover_runs(unit, s.instance, now);
    s.due = earliest_due(unit);
    s.pauses = read_pauses(unit);
    return s;
  };
  auto started = [this, done = std::move(done)](Result<Start> result) {
    if (!result) return done(result.error());
    instance_ = result.value().instance;
    store_id_ = result.value().store_id;
    pauses_ = result.value().pauses;
    next_prune_ = now() + kFirstPrune;
    const auto& recovery = result.value().recovery;
    if (result.value().due) note_due(*result.value().due);
    done(recovery);
  };
  store_.when_checked([this, alive = std::weak_ptr(alive_), start = std::move(start),
                       started = std::move(started)]() mutable {
    if (!alive.expired()) ask<Start>(std::move(start), std::move(started));
  });
}

void Queue::insert(std::vector<NewJob> jobs, Reply<std::vector<Inserted>> done,
                   std::optional<RunId> by) {
  const auto checked = attempt([&] {
    for (const auto& job : jobs) check_new_job(job);
  });
  if (!checked) {
    loop_.post([error = checked.error(), done = forward(std::move(done))] { done(error); });
    return;
  }
  if (instance_ != 0 && starter_ != nullptr && may_start(jobs) &&
      starter_->offer(jobs.front().task, static_cast<int>(jobs.size())))
    return insert_starting(std::move(jobs), std::move(done), by);
  insert_waiting(std::move(jobs), std::move(done), by);
}

namespace {

std::vector<Inserted> insert_all(Unit& unit, const std::vector<NewJob>& jobs, WallTime now) {
  std::vector<Inserted> inserted;
  inserted.reserve(jobs.size());
  for (const auto& job : jobs) inserted.push_back(insert_job(unit, job, now));
  return inserted;
}

}  // namespace

void Queue::insert_waiting(std::vector<NewJob> jobs, Reply<std::vector<Inserted>> done,
                           std::optional<RunId> by) {
  for (const auto& job : jobs) {
    if (job.delay <= Duration::zero()) ready(job.task);
  }
  ask<std::vector<Inserted>>(
      [jobs = std::move(jobs), now = now(), by](Unit& unit) {
        if (by) require_current(unit, *by);
        return insert_all(unit, jobs, now);
      },
      [this, done = std::move(done)](Result<std::vector<Inserted>> result) {
        if (result) note_inserted(result.value());
        if (done) done(std::move(result));
      });
}

// The room that they take has been offered.
void Queue::insert_starting(std::vector<NewJob> jobs, Reply<std::vector<Inserted>> done,
                            std::optional<RunId> by) {
  struct Outcome {
    std::vector<Inserted> inserted;
    Claimed claimed;
  };
  const auto task = jobs.front().task;
  const auto offered = static_cast<int>(jobs.size());
  ask<Outcome>(
      [jobs = std::move(jobs), now = now(), instance = instance_, by](Unit& unit) -> Outcome {
        if (by) require_current(unit, *by);
        if (auto started = insert_running(unit, jobs, instance, now))
          return {std::move(started->inserted), {.jobs = std::move(started->claimed), .again = {}}};
        return {insert_all(unit, jobs, now), {.jobs = {}, .again = {}, .more = true}};
      },
      [this, alive = std::weak_ptr(alive_), task, offered,
       done = std::move(done)](Result<Outcome> result) {
        Claimed claimed;
        if (result) {
          claimed = std::move(result.value().claimed);
          note_inserted(result.value().inserted);
          note_claimed(claimed);
          if (done) done(std::move(result.value().inserted));
        } else if (done) {
          done(result.error());
        }
        if (!alive.expired() && starter_ != nullptr)
          starter_->started(task, offered, std::move(claimed));
      });
}

void Queue::note_inserted(const std::vector<Inserted>& inserted) {
  for (const auto& one : inserted) {
    ++(one.duplicate ? stats_.duplicates : stats_.inserted);
    if (one.due) note_due(*one.due);
  }
}

// What was claimed is this instance's from now on.
void Queue::note_claimed(Claimed& claimed) {
  for (auto& job : claimed.jobs) {
    job.key = fmt::format("{}-{}", store_id_, job.run.job.value());
    running_.insert_or_assign(job.run.job, Run{job.run.lease, job.task});
  }
  stats_.claimed += claimed.jobs.size();
}

void Queue::claim(std::string task, int count, Reply<Claimed> done, const RateLimit& rate) {
  if (instance_ == 0) {
    loop_.post([done = forward(std::move(done))] {
      done(Error(Code::conflict, "the queue has not been recovered yet"));
    });
    return;
  }
  ask<Claimed>([task = std::move(task), count, rate, instance = instance_, now = now()](
                   Unit& unit) { return claim_jobs(unit, task, count, instance, now, rate); },
               [this, done = std::move(done)](Result<Claimed> result) {
                 if (!result) return done(result.error());
                 auto claimed = std::move(result).value();
                 note_claimed(claimed);
                 done(std::move(claimed));
               });
}

void Queue::finish(RunId run, Verdict verdict, const RetryPolicy& policy, Also also,
                   Reply<Finished> done) {
  auto ending = std::make_shared<Ending>();
  ending->run = run;
  ending->verdict = std::move(verdict);
  ending->policy = policy;
  ending->also = std::move(also);
  ending->done = std::move(done);
  ending->random = std::uniform_real_distribution<>()(random_);
  submit(std::move(ending));
}

void Queue::submit(std::shared_ptr<Ending> ending) {
  ending->also_threw = false;  // it may be refused without being run
  enqueue({[ending, now = now()](Unit& unit) { ending->write(unit, now); },
           [this, alive = std::weak_ptr(alive_), ending](Status status) {
             if (!alive.expired()) ended(ending, status);
           }});
}

void Queue::ended(const std::shared_ptr<Ending>& ending, const Status& status) {
  if (!status) {
    // What `also` says is its caller's to answer. All else is the store's, and must not leave a job
    // running that nobody runs.
    if (!ending->also_threw || is_store_busy(status.error()))
      return ask_again(status.error(), [this, ending] { submit(ending); });
    if (ending->done) ending->done(status.error());
    return;
  }
  const RunId run = ending->run;
  const auto known = running_.find(run.job);
  const bool ours = known != running_.end() && known->second.lease == run.lease;
  const std::string task = ours ? known->second.task : std::string();
  if (ours) running_.erase(known);
  if (!ending->finished) {
    ++stats_.stale;
    log_.warn("job {}: the end of run {} came late and was dropped", run.job.value(),
              run.lease.value());
    if (ending->done) {
      ending->done(Error(Code::stale, fmt::format("run {} of job {} is no longer current",
                                                  run.lease.value(), run.job.value())));
    }
    return;
  }
  const Finished& finished = *ending->finished;
  ++stats_.finished;
  stats_.poison += finished.poison;
  stats_.held += finished.held;
  if (finished.poison) log_.warn("job {} ({}) is poison: discarded", run.job.value(), task);
  if (finished.held) log_.warn("job {} ({}) is held: interrupted too often", run.job.value(), task);
  const bool more = finished.state == JobState::available || finished.turn_given;
  if (more && !task.empty()) ready(task);
  if (finished.next_run) note_due(*finished.next_run);
  if (ending->done) ending->done(finished);
}

void Queue::ask_again(const Error& why, std::function<void()> asking) {
  refused_.push_back(std::move(asking));
  if (refused_.size() > 1) return;
  if (is_store_busy(why)) {
    log_.debug("the end of a run can't be stored; it is tried again");
  } else {
    log_.error("the end of a run can't be stored; it is tried again: {}", why.what());
  }
  refused_timer_ = loop_.after(kAskAgain, [this] {
    for (const auto& again : std::exchange(refused_, {})) again();
  });
}

void Queue::give_back(std::vector<RunId> runs, Reply<std::vector<JobId>> done) {
  ask<std::vector<JobId>>(
      [runs, now = now()](Unit& unit) {
        std::vector<JobId> cancelled;
        for (const auto run : runs)
          if (host::give_back(unit, run, now) == JobState::cancelled) cancelled.push_back(run.job);
        return cancelled;
      },
      [this, runs, done = std::move(done)](Result<std::vector<JobId>> result) mutable {
        if (!result) {
          return ask_again(result.error(), [this, runs = std::move(runs), done = std::move(done)] {
            give_back(runs, done);
          });
        }
        for (const auto run : runs) {
          if (!holds(run)) continue;
          ready(running_.at(run.job).task);
          running_.erase(run.job);
        }
        if (done) done(std::move(result));
      });
}

bool Queue::holds(RunId run) const {
  const auto known = running_.find(run.job);
  return known != running_.end() && known->second.lease == run.lease;
}

void Queue::note_inserted(const std::string& task, std::optional<WallTime> due) {
  if (due) {
    note_due(*due);
  } else {
    ready(task);
  }
}

void Queue::note_due(WallTime due) {
  if (next_due_ && *next_due_ <= due) return;
  next_due_ = due;
  arm();
}

void Queue::arm() {
  due_timer_.cancel();
  if (next_due_ && !promoting_) {
    due_timer_ = loop_.after(*next_due_ - now(), [this] { promote(); });
  }
}

void Queue::promote() {
  if (std::exchange(promoting_, true)) return;
  due_timer_.cancel();
  next_due_.reset();
  ask<Promoted>([now = now()](Unit& unit) { return promote_due(unit, now, kPromoteLimit); },
                [this](Result<Promoted> result) {
                  promoting_ = false;
                  if (!result) {
                    log_.debug("jobs that are due can't be made available: {}",
                               result.error().what());
                    note_due(now() + kAskAgain);
                    return arm();
                  }
                  for (const auto& task : result.value().tasks) ready(task);
                  if (result.value().next_due) note_due(*result.value().next_due);
                  arm();
                });
}

// No timer of its own: what is old enough goes when there is something to do anyway.
void Queue::prune_if_time() {
  if (batch_.empty() || instance_ == 0 || now() < next_prune_) return;
  next_prune_ = now() + kPruneEvery;
  for (std::size_t table = 0; table < pruned_.size(); ++table) {
    if (std::exchange(pruned_[table].under_way, true)) continue;
    pruned_[table].after = 0;
    prune(table);
  }
}

// The next step of a table's round. Each is asked for when the one before is done, behind what else
// was asked for meanwhile.
void Queue::prune(std::size_t table) {
  const auto& pruned = pruned_[table];
  ask<PruneStep>([step = pruned.step, before = now() - pruned.keep, after = pruned.after](
                     Unit& unit) { return step(unit, before, after, kPruneLimit); },
                 [this, table](Result<PruneStep> result) {
                   auto& round = pruned_[table];
                   round.under_way = result && result.value().next;
                   if (result) stats_.pruned += static_cast<std::uint64_t>(result.value().removed);
                   if (!round.under_way) return;
                   round.after = *result.value().next;
                   prune(table);
                 });
}

QueueStats Queue::stats() const {
  QueueStats stats = stats_;
  stats.running = running_.size();
  return stats;
}

}  // namespace host
