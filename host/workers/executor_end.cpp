// SPDX-License-Identifier: Apache-2.0
//
// How a run's end becomes its job's: the verdict, and what goes into one transaction with it.
#include <algorithm>

#include "base/failpoint.hpp"
#include "queue/job_table.hpp"
#include "workers/executor.hpp"

namespace host {
namespace {

// How long a job that was taken back from a dead system waits before it is offered again. It is
// not claimed while the system is down, so this only spreads the first moment after.
constexpr Duration kUnreachablePause = std::chrono::seconds(5);

}  // namespace

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
  auto closing = hooks_->closed(run, outcome.verdict);
  if (outcome.unmade && outcome.verdict.permanent && !over.cancelled)
    return on_unmade(over, outcome.verdict);
  if (outcome.not_begun) {
    lane.hungry = true;
    give_back(over.task, {run});
    return after_finish(over.task->name);
  }
  auto verdict = judge(over, std::move(outcome.verdict), closing);
  finish(std::move(over), std::move(verdict), std::move(closing));
}

// Every job of this plugin would end so, and none is to blame.
void Executor::on_unmade(const Run& run, const Verdict& refusal) {
  for (auto& [name, lane] : lanes_)
    if (lane.task && lane.task->worker->same_worker(*run.task->worker)) lane.task.reset();
  hooks_->unmade(*run.task, refusal);
  give_back(run.task, {run.job.run});
  after_finish(run.task->name);
}

Verdict Executor::judge(const Run& run, Verdict verdict, RunHooks::Closing& closing) const {
  using Kind = Verdict::Kind;
  const bool failed = verdict.kind == Kind::failed || verdict.kind == Kind::timed_out;
  bool waits_as_told = false;
  if (run.cancelled && verdict.kind != Kind::completed) {
    verdict.kind = Kind::cancelled;
  } else if (failed && !verdict.permanent) {
    if (closing.wait) {
      waits_as_told = *closing.wait >= verdict.delay.value_or(Duration::zero());
      verdict.kind = Kind::snoozed;
      if (waits_as_told) verdict.delay = closing.wait;
    }
    // The task said that it can't do without this system, and the system could not be reached:
    // nobody's fault, so no attempt is burned.
    for (const auto& system : run.task->waits_for) {
      if (!closing.unreachable.contains(system)) continue;
      verdict.kind = Kind::snoozed;
      verdict.delay = kUnreachablePause;
      waits_as_told = false;
      verdict.message = system + " can't be reached: " + verdict.message;
    }
  }
  if (!waits_as_told) closing.note_wait = nullptr;
  return verdict;
}

void Executor::finish(Run run, Verdict verdict, RunHooks::Closing closing) {
  if (verdict.kind != Verdict::Kind::completed) closing.commit = {};
  const auto name = run.task->name;
  if (verdict.kind == Verdict::Kind::failed || verdict.kind == Verdict::Kind::crashed ||
      verdict.kind == Verdict::Kind::timed_out)
    log_.warn("{}: job {} {}: {}", name, run.job.run.job.value(), host::name(verdict.kind),
              verdict.message);
  write(run.job.run, run.task, std::move(verdict), std::move(closing));
  after_finish(name);
}

// What a run's end brings with it into its transaction.
struct Executor::Ending {
  enum class Part { charge, commit, note_wait, followers };
  RunHooks::Closing closing;
  Part at = Part::charge;  // on the store thread; after an error of its own it is what threw
};

void Executor::write(RunId run, std::shared_ptr<const RunnableTask> task, Verdict verdict,
                     RunHooks::Closing closing) {
  ++finishing_;
  auto written = verdict;
  const auto ending = std::make_shared<Ending>(Ending{std::move(closing)});
  const auto now = queue_->now();
  queue_->finish(
      run, std::move(verdict), task->retry, also(ending, now),
      [this, run, task, ending, now, written = std::move(written)](Result<Finished> finished) {
        --finishing_;
        TIMMY_FAILPOINT("workers.finished");
        if (finished.ok()) {
          hooks_->finished(run.job, *task, written, finished.value().state);
          for (const auto& follower : ending->closing.followers)
            if (follows(follower.when, finished.value().state)) note_follower(follower.job, now);
        } else if (finished.error().code() != Code::stale) {
          refused(run, task, *ending, written, finished.error());
        }
        maybe_drained();
      });
}

// Empty when it brings nothing.
Queue::Also Executor::also(std::shared_ptr<Ending> ending, WallTime now) {
  const auto& brings = ending->closing;
  if (!brings.commit && !brings.charge && !brings.note_wait && brings.followers.empty()) return {};
  return [ending = std::move(ending), now](Unit& unit, JobState state) {
    using Part = Ending::Part;
    const auto& closing = ending->closing;
    ending->at = Part::charge;
    if (closing.charge) closing.charge(unit);
    ending->at = Part::commit;
    if (closing.commit) closing.commit(unit);
    ending->at = Part::note_wait;
    if (closing.note_wait && state == JobState::scheduled) closing.note_wait(unit);
    ending->at = Part::followers;
    for (const auto& follower : closing.followers)
      if (follows(follower.when, state)) (void)insert_job(unit, follower.job, now);
  };
}

void Executor::note_follower(const NewJob& job, WallTime inserted) {
  const bool later = job.delay > Duration::zero();
  queue_->note_inserted(job.task, later ? std::optional(inserted + job.delay) : std::nullopt);
}

// The job must not stay with a run that is over, so the end is written anew without what threw.
// What the host adds by itself takes nothing from the verdict. But where what the run staged can't
// be kept, it did not complete: followers that come of a failure are tried once more without what
// it saved; what is refused by itself is dropped.
void Executor::refused(RunId run, const std::shared_ptr<const RunnableTask>& task,
                       const Ending& ending, Verdict verdict, const Error& error) {
  log_.error("{}: writing a verdict: {}", task->name, error.what());
  auto rest = ending.closing;
  if (ending.at == Ending::Part::charge) {
    log_.error("{}: what job {} used by its own word is not charged", task->name, run.job.value());
    rest.charge = {};
    return write(run, task, std::move(verdict), std::move(rest));
  }
  rest.note_wait = {};
  if (ending.at == Ending::Part::note_wait)
    return write(run, task, std::move(verdict), std::move(rest));
  if (!rest.commit) rest.followers.clear();
  rest.commit = {};
  write(run, task,
        {.kind = Verdict::Kind::failed,
         .code = "commit",
         .message = "what the run saved could not be stored: " + error.message()},
        std::move(rest));
}

}  // namespace host
