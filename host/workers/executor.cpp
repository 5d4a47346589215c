// SPDX-License-Identifier: Apache-2.0
#include "workers/executor.hpp"

#include <algorithm>

#include "base/failpoint.hpp"

namespace host {
namespace {

// How long a job that was taken back from a dead system waits before it is offered again. It is
// not claimed while the system is down, so this only spreads the first moment after.
constexpr Duration kUnreachablePause = std::chrono::seconds(5);

// How long, after everything was killed, the store has to take the ends of runs.
constexpr Duration kLastWrites = std::chrono::seconds(10);

// How long after a claim that the store refused it is asked for again.
constexpr Duration kClaimPause = std::chrono::seconds(1);

std::string job_json(const ClaimedJob& job) {
  // Assembled by hand: the payload is JSON already, and parsing it to print it again would be most
  // of what a short job costs.
  std::string text =
      "{\"id\":" + std::to_string(job.run.job.value()) + ",\"task\":" + to_text(job.task) +
      ",\"key\":" + to_text(job.key) + ",\"attempt\":" + std::to_string(job.attempt) +
      ",\"max_attempts\":" + std::to_string(job.max_attempts) + ",\"scheduled_for\":";
  text += job.nominal ? "\"" + format_utc(*job.nominal) + "\"" : "null";
  return text + ",\"payload\":" + (job.payload.empty() ? "{}" : job.payload) + "}";
}

}  // namespace

Executor::Executor(Queue& queue, Pool& pool, RunHooks& hooks, Loop& loop, Log log, Limits limits)
    : queue_(&queue),
      pool_(&pool),
      hooks_(&hooks),
      loop_(&loop),
      log_(std::move(log)),
      limits_(limits) {}

void Executor::set_running(int running) {
  limits_.running = running;
  fill_starved();
}

void Executor::set_tasks(std::map<std::string, RunnableTask> tasks) {
  for (auto& [name, lane] : lanes_) lane.task.reset();
  for (auto& [name, task] : tasks) {
    auto& lane = lanes_[name];
    lane.task = std::move(task);
    lane.hungry = true;
  }
  for (auto& [name, lane] : lanes_) fill(name);
}

void Executor::set_available(const std::string& system, bool available) {
  if (!available) {
    unavailable_.insert(system);
    return;
  }
  unavailable_.erase(system);
  for (auto& [name, lane] : lanes_) fill(name);
}

void Executor::ready(const std::string& task) {
  const auto lane = lanes_.find(task);
  if (lane == lanes_.end()) return;
  lane->second.hungry = true;
  fill(task);
}

bool Executor::blocked(const RunnableTask& task) const {
  return std::any_of(task.waits_for.begin(), task.waits_for.end(),
                     [&](const auto& system) { return unavailable_.contains(system); });
}

// How many more jobs may be claimed for this lane now.
int Executor::room(const Lane& lane) const {
  const auto& task = *lane.task;
  const int free_starts = std::max(0, limits_.running - slots_);
  const int starts =
      std::min(task.concurrency, std::min(lane.claimed, task.concurrency) + free_starts);
  if (starts < task.concurrency) return starts - lane.claimed;
  int ahead = task.concurrency;
  if (!task.worker->fresh && lane.typical > Duration::zero())
    ahead = std::max<int>(ahead, static_cast<int>(std::min<std::int64_t>(
                                     limits_.batch, limits_.ahead / lane.typical)));
  // A refill is worth a claim once half of what may be ahead is used up.
  if (lane.claimed > ahead / 2 && ahead > task.concurrency) return 0;
  return ahead - lane.claimed;
}

void Executor::change_claimed(Lane& lane, int by) {
  const int concurrency = lane.task ? lane.task->concurrency : 1;
  slots_ -= std::min(lane.slots, lane.claimed);
  lane.claimed += by;
  lane.slots = concurrency;
  slots_ += std::min(lane.slots, lane.claimed);
}

void Executor::fill(const std::string& name) {
  auto& lane = lanes_.at(name);
  if (draining_ || lane.claiming || !lane.hungry || !lane.task || blocked(*lane.task)) return;
  const int count = room(lane);
  if (count <= 0) {
    if (slots_ >= limits_.running) starved_.insert(name);
    return;
  }
  lane.claiming = true;
  lane.hungry = false;
  // Taken from the moment of asking, or lanes that ask in one turn would all find the same room.
  change_claimed(lane, count);
  queue_->claim(name, count, [this, name, count](Result<std::vector<ClaimedJob>> claimed) {
    auto& claimed_lane = lanes_.at(name);
    claimed_lane.claiming = false;
    if (claimed.ok()) {
      const int got = static_cast<int>(claimed.value().size());
      change_claimed(claimed_lane, got - count);
      if (got == count) claimed_lane.hungry = true;
      start(name, std::move(claimed).value());
      fill(name);
    } else {
      change_claimed(claimed_lane, -count);
      log_.error("claiming jobs of {}: {}", name, claimed.error().what());
      claimed_lane.hungry = true;
      claimed_lane.again = loop_->after(kClaimPause, [this, name] { fill(name); });
    }
    maybe_drained();
  });
}

void Executor::start(const std::string& name, std::vector<ClaimedJob> jobs) {
  auto& lane = lanes_.at(name);
  if (draining_ || !lane.task) {
    std::vector<RunId> runs;
    for (const auto& job : jobs) runs.push_back(job.run);
    change_claimed(lane, -static_cast<int>(runs.size()));
    auto task = lane.task.value_or(RunnableTask{.name = name});
    return give_back(std::make_shared<const RunnableTask>(std::move(task)), std::move(runs));
  }
  const auto task = std::make_shared<const RunnableTask>(*lane.task);
  for (auto& job : jobs) {
    const RunId run = job.run;
    RunRequest request{.run = run,
                       .task = name,
                       .job_json = job_json(job),
                       .timeout = task->timeout,
                       .alone = job.crashes > 0,
                       .concurrency = task->concurrency};
    TIMMY_FAILPOINT("workers.before_submit");
    hooks_->opened(job, *task);
    runs_.emplace(run, Run{std::move(job), task, std::nullopt});
    pool_->submit(
        task->worker, std::move(request), [this, run] { on_begun(run); },
        [this, run](RunOutcome outcome) { on_outcome(run, std::move(outcome)); });
  }
}

void Executor::give_back(const std::shared_ptr<const RunnableTask>& task, std::vector<RunId> runs) {
  if (runs.empty()) return;
  ++finishing_;
  queue_->give_back(std::move(runs), [this, task](Result<std::vector<JobId>> cancelled) {
    --finishing_;
    if (!cancelled.ok()) log_.error("giving jobs back: {}", cancelled.error().what());
    if (cancelled.ok())
      for (const auto job : cancelled.value())
        hooks_->finished(job, *task, {.kind = Verdict::Kind::cancelled}, JobState::cancelled);
    maybe_drained();
  });
}

void Executor::on_begun(RunId run) {
  const auto found = runs_.find(run);
  if (found == runs_.end() || found->second.begun) return;
  found->second.begun = loop_->clock().monotonic();
  hooks_->begun(run);
}

void Executor::on_outcome(RunId run, RunOutcome outcome) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  Run over = std::move(found->second);
  runs_.erase(found);
  auto& lane = lanes_.at(over.task->name);
  change_claimed(lane, -1);
  if (over.begun) {
    const auto took = std::max(loop_->clock().monotonic() - *over.begun, Duration(1));
    lane.typical = lane.typical == Duration::zero() ? took : (lane.typical * 7 + took) / 8;
  }
  TIMMY_FAILPOINT("workers.after_outcome");
  auto closing = hooks_->closed(run);
  if (outcome.not_begun) {
    lane.hungry = true;
    give_back(over.task, {run});
    return after_finish(over.task->name);
  }
  auto verdict = judge(over, std::move(outcome.verdict), closing);
  finish(std::move(over), std::move(verdict), std::move(closing));
}

Verdict Executor::judge(const Run& run, Verdict verdict, const RunHooks::Closing& closing) const {
  using Kind = Verdict::Kind;
  const bool failed = verdict.kind == Kind::failed || verdict.kind == Kind::timed_out;
  if (run.cancelled && verdict.kind != Kind::completed) {
    verdict.kind = Kind::cancelled;
  } else if (failed && !verdict.permanent) {
    // The task said that it can't do without this system, and the system could not be reached:
    // nobody's fault, so no attempt is burned.
    for (const auto& system : run.task->waits_for) {
      if (!closing.unreachable.contains(system)) continue;
      verdict.kind = Kind::snoozed;
      verdict.delay = kUnreachablePause;
      verdict.message = system + " can't be reached: " + verdict.message;
    }
  }
  return verdict;
}

void Executor::finish(Run run, Verdict verdict, RunHooks::Closing closing) {
  const bool keeps = verdict.kind == Verdict::Kind::completed;
  if (!keeps) closing = {};
  const auto name = run.task->name;
  if (verdict.kind == Verdict::Kind::failed || verdict.kind == Verdict::Kind::crashed ||
      verdict.kind == Verdict::Kind::timed_out)
    log_.warn("{}: job {} {}: {}", name, run.job.run.job.value(), host::name(verdict.kind),
              verdict.message);
  write(run.job.run, run.task, std::move(verdict), std::move(closing));
  after_finish(name);
}

void Executor::write(RunId run, std::shared_ptr<const RunnableTask> task, Verdict verdict,
                     RunHooks::Closing closing) {
  ++finishing_;
  auto written = verdict;
  const bool staged = static_cast<bool>(closing.commit);
  queue_->finish(run, std::move(verdict), task->retry, std::move(closing.commit),
                 [this, run, task, staged, written = std::move(written),
                  inserted = std::move(closing.inserted)](Result<Finished> finished) {
                   --finishing_;
                   if (finished.ok()) {
                     hooks_->finished(run.job, *task, written, finished.value().state);
                     for (const auto& [other, due] : inserted) queue_->note_inserted(other, due);
                   } else if (finished.error().code() != Code::stale) {
                     log_.error("{}: writing a verdict: {}", task->name, finished.error().what());
                     // What the run staged can't be kept, so the run did not complete; the job must
                     // not stay with a run that is over.
                     if (staged)
                       write(run, task,
                             Verdict{.kind = Verdict::Kind::failed,
                                     .code = "commit",
                                     .message = "what the run saved could not be stored: " +
                                                finished.error().message()},
                             {});
                   }
                   maybe_drained();
                 });
}

// A start became free: for those that waited for one first, then for this lane's next.
void Executor::after_finish(const std::string& name) {
  fill_starved();
  fill(name);
}

void Executor::fill_starved() {
  if (slots_ < limits_.running)
    for (const auto& other : std::exchange(starved_, {})) fill(other);
}

void Executor::drain(Duration grace, std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  grace_ = loop_->after(grace, [this] { hurry(); });
  loop_->post([this] { maybe_drained(); });
}

void Executor::hurry() {
  pool_->interrupt_all();
  last_writes_ = loop_->after(kLastWrites, [this] {
    if (!drained_) return;
    log_.error("{} runs' ends could not be stored; the next host takes them as interrupted",
               finishing_ + static_cast<int>(runs_.size()));
    end_drain();
  });
}

bool Executor::cancel(JobId job) {
  for (auto& [id, run] : runs_) {
    if (id.job != job) continue;
    run.cancelled = true;
    pool_->cancel(id);
    return true;
  }
  return false;
}

Executor::Load Executor::load() const {
  Load load;
  for (const auto& [id, run] : runs_) {
    ++load.claimed;
    load.begun += run.begun.has_value();
  }
  return load;
}

void Executor::maybe_drained() {
  if (!draining_ || !drained_ || !runs_.empty() || finishing_ > 0) return;
  for (const auto& [name, lane] : lanes_)
    if (lane.claiming) return;
  end_drain();
}

void Executor::end_drain() {
  grace_.cancel();
  last_writes_.cancel();
  std::exchange(drained_, nullptr)();
}

}  // namespace host
