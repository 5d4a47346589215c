// SPDX-License-Identifier: Apache-2.0
#include "workers/executor.hpp"

#include <algorithm>
#include <climits>

#include "base/failpoint.hpp"

namespace host {
namespace {

// How long, after everything was killed, the store has to take the ends of runs.
constexpr Duration kLastWrites = std::chrono::seconds(10);

// How long after a claim that the store refused it is asked for again.
constexpr Duration kClaimPause = std::chrono::seconds(1);

}  // namespace

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

Executor::Executor(Queue& queue, Pool& pool, RunHooks& hooks, Loop& loop, Log log, Limits limits)
    : queue_(&queue),
      pool_(&pool),
      hooks_(&hooks),
      loop_(&loop),
      log_(std::move(log)),
      limits_(limits) {
  queue_->set_starter(this);
}

Executor::~Executor() { queue_->set_starter(nullptr); }

void Executor::set_running(int running) {
  limits_.running = running;
  fill_starved();
}

void Executor::set_queues(std::map<std::string, int> limits) {
  queue_limits_ = std::move(limits);
  fill_starved();
}

void Executor::look_again() {
  for (auto& [name, lane] : lanes_) {
    lane.hungry = true;
    fill(name);
  }
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

void Executor::set_claiming(bool claiming) {
  claiming_ = claiming;
  if (!claiming) return;
  for (auto& [name, lane] : lanes_) fill(name);
}

void Executor::ready(const std::string& task) {
  const auto lane = lanes_.find(task);
  if (lane == lanes_.end()) return;
  lane->second.hungry = true;
  fill(task);
}

bool Executor::blocked(const RunnableTask& task) const {
  const auto& pauses = queue_->pauses();
  if (pauses.tasks.contains(task.name) || pauses.queues.contains(task.queue)) return true;
  return std::any_of(task.waits_for.begin(), task.waits_for.end(),
                     [&](const auto& system) { return unavailable_.contains(system); });
}

// How many more runs of this task's queue may begin, whatever the host's bound.
int Executor::free_in_queue(const RunnableTask& task) const {
  const auto limit = queue_limits_.find(task.queue);
  return limit == queue_limits_.end() ? INT_MAX : limit->second - running_in(task.queue);
}

// How many more runs of this task's queue, and of the host, may begin.
int Executor::free_starts(const RunnableTask& task) const {
  return std::max(std::min(limits_.running - slots_, free_in_queue(task)), 0);
}

// How many jobs of this lane may be claimed at once, those that are included.
int Executor::bound(const Lane& lane) const {
  const auto& task = *lane.task;
  const int starts = std::min(task.concurrency, starts_of(lane) + free_starts(task));
  if (starts < task.concurrency) return starts;
  int ahead = task.concurrency;
  // What is sent ahead counts as begun for a rate limit, so nothing is. Nor beside a lane that
  // waits: with more always ahead, this one would never let go of a start.
  if (!task.worker->fresh && !task.rate && lane.typical > Duration::zero() && !others_wait(lane))
    ahead = std::max<int>(ahead, static_cast<int>(std::min<std::int64_t>(
                                     limits_.batch, limits_.ahead / lane.typical)));
  return ahead;
}

// How many jobs to claim for this lane now.
int Executor::to_claim(const Lane& lane) const {
  const int most = bound(lane);
  const int room = most - lane.claimed;
  if (most <= lane.task->concurrency || room <= 0) return room;
  // A refill is worth a claim once half of what may be ahead is used up.
  if (lane.claimed > most / 2) return 0;
  // Where few wait, half of the room is left to what is inserted while the claim is under way: it
  // would have to wait else, and so would what comes while it is claimed in its turn.
  return lane.flooded ? room : (room + 1) / 2;
}

// REQUIRES: lane.task.
int Executor::starts_of(const Lane& lane) { return std::min(lane.claimed, lane.task->concurrency); }

// Whether a lane that has fewer starts than this one may have waits for one that this one could
// free: the host's, or their queue's.
bool Executor::others_wait(const Lane& lane) const {
  return std::any_of(starved_.begin(), starved_.end(), [&](const auto& name) {
    const auto& other = lanes_.at(name);
    if (&other == &lane || !other.task || blocked(*other.task)) return false;
    const int has = starts_of(other);
    if (has >= std::min(other.task->concurrency, lane.task->concurrency)) return false;
    return other.task->queue == lane.task->queue || free_in_queue(*other.task) > 0;
  });
}

void Executor::wait_for_start(const std::string& name) {
  const auto& lane = lanes_.at(name);
  if (!lane.task || !lane.hungry || starts_of(lane) == lane.task->concurrency) return;
  if (std::find(starved_.begin(), starved_.end(), name) == starved_.end()) starved_.push_back(name);
}

void Executor::change_claimed(Lane& lane, int by) {
  const int before = std::min(lane.slots, lane.claimed);
  slots_ -= before;
  queue_slots_[lane.queue] -= before;
  lane.claimed += by;
  lane.slots = lane.task ? lane.task->concurrency : 1;
  if (lane.task) lane.queue = lane.task->queue;
  const int now = std::min(lane.slots, lane.claimed);
  slots_ += now;
  queue_slots_[lane.queue] += now;
}

bool Executor::may_claim(const Lane& lane) const {
  return !draining_ && claiming_ && lane.task && !blocked(*lane.task);
}

void Executor::fill(const std::string& name) {
  auto& lane = lanes_.at(name);
  if (lane.claiming || !lane.hungry || !may_claim(lane)) return;
  const int count = to_claim(lane);
  if (count <= 0) {
    if (free_starts(*lane.task) == 0) wait_for_start(name);
    return;
  }
  lane.claiming = true;
  lane.hungry = false;
  // Taken from the moment of asking, or lanes that ask in one turn would all find the same room.
  change_claimed(lane, count);
  queue_->claim(
      name, count,
      [this, name, count](Result<Claimed> jobs) { claimed(name, count, std::move(jobs)); },
      lane.task->rate);
}

void Executor::claimed(const std::string& name, int asked, Result<Claimed> result) {
  auto& lane = lanes_.at(name);
  lane.claiming = false;
  if (!result.ok()) {
    change_claimed(lane, -asked);
    log_.error("claiming jobs of {}: {}", name, result.error().what());
    ask_later(lane, name, kClaimPause);
    fill_starved();
    return maybe_drained();
  }
  auto& jobs = result.value().jobs;
  const int got = static_cast<int>(jobs.size());
  change_claimed(lane, got - asked);
  lane.flooded = got == asked || result.value().more;
  if (lane.flooded) lane.hungry = true;
  if (const auto& again = result.value().again) ask_later(lane, name, *again - queue_->now());
  start(name, std::move(jobs));
  after_finish(name);
  maybe_drained();
}

// What is inserted goes behind what waits, so room alone decides. A rate is counted by claims.
bool Executor::offer(const std::string& name, int count) {
  const auto found = lanes_.find(name);
  if (found == lanes_.end()) return false;
  auto& lane = found->second;
  if (!may_claim(lane) || lane.task->rate || lane.flooded) return false;
  if (bound(lane) - lane.claimed < count) return false;
  ++lane.offers;
  change_claimed(lane, count);
  return true;
}

void Executor::started(const std::string& name, int offered, Claimed claimed) {
  auto& lane = lanes_.at(name);
  --lane.offers;
  change_claimed(lane, static_cast<int>(claimed.jobs.size()) - offered);
  if (claimed.more) lane.hungry = true;
  start(name, std::move(claimed.jobs));
  after_finish(name);
  maybe_drained();
}

void Executor::ask_later(Lane& lane, const std::string& name, Duration pause) {
  lane.again = loop_->after(pause, [this, name] { ready(name); });
}

void Executor::start(const std::string& name, std::vector<ClaimedJob> jobs) {
  auto& lane = lanes_.at(name);
  // Whoever was told of a pause sees nothing begin after it.
  if (draining_ || !lane.task || blocked(*lane.task)) {
    lane.hungry = true;
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

// A start became free: for those that waited for one first, then for this lane's next.
void Executor::after_finish(const std::string& name) {
  if (!starved_.empty()) wait_for_start(name);
  fill_starved();
  fill(name);
}

// In turn, so that tasks which always have more share the starts.
void Executor::fill_starved() {
  // One by one: those behind are still seen to wait while the first is filled.
  for (auto left = starved_.size(); left > 0 && slots_ < limits_.running; --left) {
    const auto other = std::move(starved_.front());
    starved_.pop_front();
    fill(other);
  }
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

bool Executor::cancel(JobId job, bool at_once) {
  for (auto& [id, run] : runs_) {
    if (id.job != job) continue;
    run.cancelled = true;
    pool_->cancel(id, at_once);
    return true;
  }
  return false;
}

int Executor::running_in(const std::string& queue) const {
  const auto found = queue_slots_.find(queue);
  return found == queue_slots_.end() ? 0 : found->second;
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
    if (lane.claiming || lane.offers > 0) return;
  end_drain();
}

void Executor::end_drain() {
  grace_.cancel();
  last_writes_.cancel();
  std::exchange(drained_, nullptr)();
}

}  // namespace host
