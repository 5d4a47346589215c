// SPDX-License-Identifier: Apache-2.0
#include "schedule/scheduler.hpp"

#include <algorithm>
#include <set>

#include "queue/job_table.hpp"
#include "schedule/scheduler_parts.hpp"
#include "store/event.hpp"

namespace host {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kRetryFirst = seconds(1);
constexpr Duration kRetryLongest = minutes(1);
constexpr Duration kPruneEvery = hours(1);
constexpr int kPruneLimit = 2000;  // in one transaction, so that a tick never waits long for it
// Moves of the clock that are told, though nothing is done about them.
constexpr Duration kNotableMove = seconds(1);

// A schedule's own words for the log: "forwards by 3h2m".
std::string shown_move(Duration move) {
  const auto size = std::chrono::abs(std::chrono::duration_cast<seconds>(move));
  return (move < Duration::zero() ? "backwards by " : "forwards by ") + format_duration(size);
}

}  // namespace

Scheduler::Scheduler(Store& store, Queue& queue, Loop& loop, Log log)
    : store_(store),
      queue_(queue),
      loop_(loop),
      log_(std::move(log)),
      clock_offset_(loop.clock().wall().time_since_epoch() - loop.clock().boot()),
      self_(std::make_shared<Scheduler*>(this)) {}

Scheduler::~Scheduler() = default;

Scheduler::Entry Scheduler::make_entry(ScheduledTask task) {
  const auto in_task = [&task](const Error& error) {
    return Error(error.code(), "schedule of task \"" + task.task + "\": " + error.message(),
                 error.next_step());
  };
  try {
    const bool buffers = task.overlap == Overlap::buffer_one || task.overlap == Overlap::buffer_all;
    if (buffers && task.concurrency != 1)
      throw Error(Code::unsupported,
                  "overlap " + std::string(host::name(task.overlap)) +
                      " needs a concurrency of 1, not " + std::to_string(task.concurrency),
                  "Set concurrency to 1, or overlap to skip or allow_all.");
    if (task.catchup_window < Duration::zero() || task.catchup_window > kLongestCatchupWindow)
      throw Error(Code::invalid, "catchup_window is out of range, expected 0 to 366d",
                  "Choose a shorter window.");
    if (task.delay < Duration::zero() || task.delay > kLongestJitter)
      throw Error(Code::invalid, "jitter is out of range, expected 0 to 24h",
                  "Choose a shorter one.");
    task.prototype.task = task.task;
    task.prototype.source = "schedule";
    check_new_job(task.prototype);
    auto schedule = Schedule::parse(task.schedule, Zone::load(task.zone));
    return {std::make_shared<const ScheduledTask>(std::move(task)), std::move(schedule)};
  } catch (const Error& error) {
    throw in_task(error);
  }
}

void Scheduler::check(const ScheduledTask& task) { (void)make_entry(task); }

void Scheduler::set(std::vector<ScheduledTask> tasks, Reply<Done> done) {
  Request fresh{{}, std::move(done)};
  // So that ticks of one instant are written in the order of their tables.
  std::sort(tasks.begin(), tasks.end(),
            [](const auto& a, const auto& b) { return a.task < b.task; });
  std::set<std::string> names;
  std::string problems;
  std::string next_step;
  const auto note = [&](const std::string& message, const std::string& step) {
    problems += (problems.empty() ? "" : "; ") + message;
    if (next_step.empty()) next_step = step;
  };
  for (auto& task : tasks) {
    if (!names.insert(task.task).second) {
      note("two schedules for task \"" + task.task + "\"", "Remove one of them.");
      continue;
    }
    try {
      fresh.entries.push_back(make_entry(std::move(task)));
    } catch (const Error& error) {
      note(error.message(), error.next_step());
    }
  }
  if (!problems.empty()) throw Error(Code::invalid, problems, next_step);
  request([this, taken = std::make_shared<Request>(std::move(fresh))](WallTime now) {
    load(taken, now);
  });
}

// What somebody asked for is done one after the other, before any tick.
void Scheduler::request(Step step) {
  if (stopped_) throw Error(Code::conflict, "the scheduler was stopped", "Start the host again.");
  requests_.push_back(std::move(step));
  wake(Duration::zero());
}

void Scheduler::clock_changed() { wake(Duration::zero()); }

void Scheduler::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Scheduler::wake(Duration delay) {
  timer_ = loop_.after(delay, [this] { pump(); });
}

// The one place that decides what is done next. Called by the timer, and after each transaction.
void Scheduler::pump() {
  if (busy_ || stopped_) return;
  timer_.cancel();
  const WallTime now = loop_.clock().wall();
  notice_clock(now);
  if (!requests_.empty()) {
    const Step step = std::move(requests_.front());
    requests_.pop_front();
    return step(now);
  }
  if (const Duration left = retry_at_ - loop_.clock().monotonic(); left > Duration::zero())
    return wake(left);
  if (correction_) return rebase(now);
  if (!heap_.empty() && heap_.top().first <= now) return fire(now);
  if (prune_due_) return prune();
  if (!heap_.empty()) wake(heap_.top().first - now);
}

void Scheduler::notice_clock(WallTime now) {
  const Duration offset = now.time_since_epoch() - loop_.clock().boot();
  const Duration move = offset - clock_offset_;
  clock_offset_ = offset;
  if (std::chrono::abs(move) > kClockCorrection) {
    correction_ = correction_.value_or(Duration::zero()) + move;
  } else if (std::chrono::abs(move) >= kNotableMove) {
    log_.warn("the system clock was set {}", shown_move(move));
  }
}

void Scheduler::succeeded() {
  retry_after_ = Duration::zero();
  retry_at_ = {};
}

void Scheduler::failed(std::string_view doing, const Error& error) {
  ++stats_.failures;
  const bool first = retry_after_ == Duration::zero();
  retry_after_ = first ? kRetryFirst : std::min(retry_after_ * 2, kRetryLongest);
  retry_at_ = loop_.clock().monotonic() + retry_after_;
  if (first) log_.error("could not {}: {}; trying again", doing, error.what());
}

void Scheduler::load(std::shared_ptr<Request> request, WallTime wall) {
  struct Line {
    std::string name, spec, zone;
  };
  std::vector<Line> lines;
  for (const auto& entry : request->entries)
    lines.push_back({entry.task->task, entry.schedule.text(), entry.schedule.zone().name()});
  auto work = [lines = std::move(lines), wall, now = queue_.now()](Unit& unit) {
    std::vector<StoredSchedule> stored;
    std::vector<std::string> names;
    for (const auto& [name, spec, zone] : lines) {
      stored.push_back(open_schedule(unit, name, spec, zone, wall, now));
      names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    keep_schedules(unit, names);
    return stored;
  };
  using Stored = std::vector<StoredSchedule>;
  ask<Stored>(std::move(work), [this, request](Result<Stored> stored) {
    if (stored.ok()) loaded(std::move(request->entries), stored.value());
    if (!request->done) return;
    const Status status = stored.ok() ? Status(Done{}) : Status(stored.error());
    loop_.post([request, status] { request->done(status); });
  });
}

void Scheduler::loaded(std::vector<Entry> entries, std::vector<StoredSchedule>& stored) {
  entries_ = std::move(entries);
  by_task_.clear();
  Duration furthest{};
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    entry.cursor = stored[i].cursor;
    entry.paused = stored[i].paused;
    entry.last_run = stored[i].last_run;
    entry.recent = std::move(stored[i].recent);
    by_task_.emplace(entry.task->task, i);
    furthest = std::max(furthest, entry.cursor - loop_.clock().wall());
  }
  // While no host looked, the clock was put right.
  if (furthest > kClockCorrection && !correction_) correction_ = -furthest;
  fill_heap();
}

void Scheduler::fill_heap() {
  heap_ = {};
  for (std::size_t i = 0; i < entries_.size(); ++i) enter(i);
}

void Scheduler::enter(std::size_t index) {
  Entry& entry = entries_[index];
  entry.next = entry.paused ? std::nullopt : entry.schedule.next(entry.cursor);
  if (entry.next) heap_.emplace(*entry.due(), index);
}

void Scheduler::rebase(WallTime wall) {
  const Duration move = *correction_;
  const std::string text = "the system clock was corrected " + shown_move(move) +
                           ": schedules go on from " +
                           format_utc(std::chrono::floor<seconds>(wall)) + ", nothing is made up";
  std::vector<std::pair<std::string, WallTime>> cursors;
  for (const auto& entry : entries_)
    cursors.emplace_back(entry.task->task, wall - entry.task->delay);
  auto work = [cursors = std::move(cursors), wall, now = queue_.now(), text](Unit& unit) {
    for (const auto& [schedule, cursor] : cursors) move_cursor(unit, schedule, cursor, now);
    record_event(unit, wall, "clock_corrected", "schedules", text);
  };
  ask<Done>(std::move(work), [this, move, wall, text](Status status) {
    if (!status.ok()) return failed("note a corrected clock", status.error());
    succeeded();
    ++stats_.corrections;
    correction_ = *correction_ == move ? std::nullopt : std::optional(*correction_ - move);
    log_.warn("{}", text);
    for (auto& entry : entries_) entry.cursor = wall - entry.task->delay;
    fill_heap();
  });
}

// What is due of one schedule, and what of that becomes a tick.
Scheduler::Firing Scheduler::plan(std::size_t index, WallTime wall) const {
  const Entry& entry = entries_[index];
  const ScheduledTask& task = *entry.task;
  const WallTime now = wall - task.delay;
  Firing firing{index, entry.task, {*entry.next}, *entry.next, entry.recent};
  const auto second = entry.schedule.next(*entry.next);
  if (second && *second <= now) {
    const std::size_t limit = task.catch_up == CatchUp::all ? kCatchUpLimit : 1;
    firing.nominals = entry.schedule.latest(entry.cursor, now, limit);
    firing.cursor = firing.nominals.back();
  }
  const Duration allowed =
      task.catch_up == CatchUp::skip ? kMissedAfter : std::max(kMissedAfter, task.catchup_window);
  std::erase_if(firing.nominals, [&](WallTime nominal) { return now - nominal > allowed; });

  firing.first_missed = *entry.next;
  const WallTime first_fired = firing.nominals.empty() ? WallTime::max() : firing.nominals.front();
  for (auto tick = entry.next; tick && *tick < first_fired && *tick <= now;
       tick = entry.schedule.next(*tick))
    if (++firing.missed == kMissedCountLimit) break;
  return firing;
}

std::string Scheduler::describe_missed(const Firing& firing) {
  return fmt::format("{}{} ticks missed since {}, {} made up (catch_up: {})",
                     firing.missed == kMissedCountLimit ? "at least " : "", firing.missed,
                     format_utc(firing.first_missed), firing.nominals.size(),
                     host::name(firing.task->catch_up));
}

Scheduler::Fired Scheduler::write(Unit& unit, const Firing& firing, WallTime wall, WallTime now) {
  const ScheduledTask& task = *firing.task;
  Fired fired{{}, firing.recent};
  for (const WallTime nominal : firing.nominals)
    fired.results.push_back(
        write_tick(unit, task.task, nominal, task.overlap, task.prototype, fired.recent, now));
  if (firing.nominals.empty()) move_cursor(unit, task.task, firing.cursor, now);
  if (firing.missed > 0)
    record_event(unit, wall, "ticks_missed", "schedule " + task.task, describe_missed(firing));
  return fired;
}

void Scheduler::fire(WallTime wall) {
  auto firings = std::make_shared<std::vector<Firing>>();
  for (; !heap_.empty() && heap_.top().first <= wall; heap_.pop())
    firings->push_back(plan(heap_.top().second, wall));

  const WallTime now = queue_.now();
  prune_due_ = prune_due_ || now - last_prune_ >= kPruneEvery;
  using Outcomes = std::vector<Fired>;
  auto work = [firings, wall, now](Unit& unit) {
    Outcomes outcomes;
    outcomes.reserve(firings->size());
    for (const auto& firing : *firings) outcomes.push_back(write(unit, firing, wall, now));
    return outcomes;
  };
  ask<Outcomes>(std::move(work), [this, firings](Result<Outcomes> outcomes) {
    if (!outcomes.ok()) {
      failed("write " + std::to_string(firings->size()) + " ticks", outcomes.error());
      for (const auto& firing : *firings) enter(firing.index);
      return;
    }
    succeeded();
    const WallTime durable = loop_.clock().wall();
    for (std::size_t i = 0; i < firings->size(); ++i)
      fired((*firings)[i], outcomes.value()[i], durable);
  });
}

// These ticks are on the disk.
void Scheduler::fired(const Firing& firing, const Fired& outcome, WallTime durable) {
  Entry& entry = entries_[firing.index];
  entry.cursor = firing.cursor;
  entry.recent = outcome.recent;
  stats_.missed += firing.missed;
  for (std::size_t i = 0; i < outcome.results.size(); ++i) {
    const TickResult& result = outcome.results[i];
    stop_others(*entry.task, result);
    switch (result.outcome) {
      case TickOutcome::inserted:
        ++stats_.ticks;
        entry.last_run = firing.nominals[i];
        note_delay(durable - firing.nominals[i] - entry.task->delay);
        queue_.note_inserted(entry.task->task, result.job.due);
        break;
      case TickOutcome::duplicate: ++stats_.duplicates; break;
      case TickOutcome::overlapped: ++stats_.overlapped; break;
      case TickOutcome::repeated: ++stats_.repeated; break;
    }
  }
  if (firing.missed > 0) log_.warn("{}: {}", entry.task->task, describe_missed(firing));
  enter(firing.index);
}

void Scheduler::stop_others(const ScheduledTask& task, const TickResult& result) const {
  if (!stop_handler_) return;
  for (const auto run : result.cancelled)
    stop_handler_(run.job, task.overlap == Overlap::terminate_other);
}

void Scheduler::note_delay(Duration delay) {
  if (delay <= kMissedAfter) stats_.longest_delay = std::max(stats_.longest_delay, delay);
}

// Goes on until nothing old is left: ten thousand schedules make more in an hour than one step
// takes.
void Scheduler::prune() {
  last_prune_ = queue_.now();
  auto work = [oldest = last_prune_ - retention()](Unit& unit) {
    return prune_ticks(unit, oldest, kPruneLimit);
  };
  ask<int>(std::move(work), [this](Result<int> pruned) {
    if (!pruned.ok()) return failed("delete old ticks", pruned.error());
    succeeded();
    prune_due_ = pruned.value() == kPruneLimit;
  });
}

Duration Scheduler::retention() const {
  Duration longest{};
  for (const auto& entry : entries_) longest = std::max(longest, entry.task->catchup_window);
  return longest + hours(24);
}

}  // namespace host
