// SPDX-License-Identifier: Apache-2.0
#include "workers/executor.hpp"

#include <algorithm>

#include "base/failpoint.hpp"

namespace host {
namespace {

// How long a job that was taken back from a dead system waits before it is offered again. It is
// not claimed while the system is down, so this only spreads the first moment after.
constexpr Duration kUnreachablePause = std::chrono::seconds(5);

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

Executor::Executor(Queue& queue, WorkerPool& pool, RunHooks& hooks, Loop& loop, Log log,
                   Limits limits)
    : queue_(&queue),
      pool_(&pool),
      hooks_(&hooks),
      loop_(&loop),
      log_(std::move(log)),
      limits_(limits) {}

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
  int ahead = task.concurrency;
  if (!task.worker->fresh && lane.typical > Duration::zero())
    ahead = std::max<int>(ahead, static_cast<int>(std::min<std::int64_t>(
                                     limits_.batch, limits_.ahead / lane.typical)));
  // A refill is worth a claim once half of what may be ahead is used up.
  if (lane.claimed > ahead / 2 && ahead > task.concurrency) return 0;
  if (lane.claimed == 0 && slots_ >= limits_.running) return 0;
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
    if (lane.claimed == 0) starved_.insert(name);
    return;
  }
  lane.claiming = true;
  lane.hungry = false;
  queue_->claim(name, count, [this, name, count](Result<std::vector<ClaimedJob>> claimed) {
    auto& claimed_lane = lanes_.at(name);
    claimed_lane.claiming = false;
    if (!claimed.ok()) {
      log_.error("claiming jobs of {}: {}", name, claimed.error().what());
      return;
    }
    if (static_cast<int>(claimed.value().size()) == count) claimed_lane.hungry = true;
    start(name, std::move(claimed).value());
    fill(name);
    maybe_drained();
  });
}

void Executor::start(const std::string& name, std::vector<ClaimedJob> jobs) {
  auto& lane = lanes_.at(name);
  if (draining_ || !lane.task) {
    std::vector<RunId> runs;
    for (const auto& job : jobs) runs.push_back(job.run);
    return give_back(std::move(runs));
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
    change_claimed(lane, 1);
    pool_->submit(
        task->worker, std::move(request), [this, run] { on_begun(run); },
        [this, run](RunOutcome outcome) { on_outcome(run, std::move(outcome)); });
  }
}

void Executor::give_back(std::vector<RunId> runs) {
  if (runs.empty()) return;
  ++finishing_;
  queue_->give_back(std::move(runs), [this](Status done) {
    --finishing_;
    if (!done.ok()) log_.error("giving jobs back: {}", done.error().what());
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
    give_back({run});
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
  ++finishing_;
  const bool keeps = verdict.kind == Verdict::Kind::completed;
  auto commit = keeps ? std::move(closing.commit) : std::function<void(Unit&)>();
  auto ready = keeps ? std::move(closing.ready_tasks) : std::set<std::string>();
  const auto retry = run.task->retry;
  const auto name = run.task->name;
  if (verdict.kind == Verdict::Kind::failed || verdict.kind == Verdict::Kind::crashed ||
      verdict.kind == Verdict::Kind::timed_out)
    log_.warn("{}: job {} {}: {}", name, run.job.run.job.value(), host::name(verdict.kind),
              verdict.message);
  const auto task = run.task;
  auto written = verdict;
  queue_->finish(run.job.run, std::move(verdict), retry, std::move(commit),
                 [this, id = run.job.run.job, task, written = std::move(written),
                  ready](Result<Finished> finished) {
                   --finishing_;
                   if (finished.ok()) {
                     hooks_->finished(id, *task, written, finished.value().state);
                     for (const auto& other : ready) this->ready(other);
                   } else if (finished.error().code() != Code::stale) {
                     log_.error("{}: writing a verdict: {}", task->name, finished.error().what());
                   }
                   maybe_drained();
                 });
  after_finish(name);
}

// A start became free: for those that waited for one first, then for this lane's next.
void Executor::after_finish(const std::string& name) {
  if (slots_ < limits_.running)
    for (const auto& other : std::exchange(starved_, {})) fill(other);
  fill(name);
}

void Executor::drain(Duration grace, std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  grace_ = loop_->after(grace, [this] { hurry(); });
  loop_->post([this] { maybe_drained(); });
}

void Executor::hurry() { pool_->interrupt_all(); }

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
  grace_.cancel();
  std::exchange(drained_, nullptr)();
}

}  // namespace host
