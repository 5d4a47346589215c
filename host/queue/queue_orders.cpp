// SPDX-License-Identifier: Apache-2.0
//
// The queue for those who look at it and give it orders.
#include <fmt/format.h>

#include "queue/job_table.hpp"
#include "queue/queue.hpp"

namespace host {
namespace {

constexpr int kBulkStep = 200;  // jobs changed in one transaction

}  // namespace

// A bulk order under way.
struct Queue::Bulk {
  BulkAction action;
  JobFilter filter;
  std::int64_t expected = 0;
  Reply<BulkOutcome> done;
  bool begun = false;
  JobRange range;  // what matches later was not confirmed
  BulkOutcome outcome;
};

void Queue::cancel(JobId id, Reply<Cancelled> done) {
  ask<std::pair<Cancelled, std::string>>(
      [id, now = now()](Unit& unit) {
        auto cancelled = cancel_job(unit, id, now);
        return std::pair(cancelled, read_job(unit, id).job.task);
      },
      [this, done = std::move(done)](Result<std::pair<Cancelled, std::string>> result) {
        // Another job of its key may have got its turn.
        if (result) ready(result.value().second);
        if (!done) return;
        if (result) {
          done(std::move(result).value().first);
        } else {
          done(result.error());
        }
      });
}

void Queue::ready_when_done(Result<Job> result, const Reply<Job>& done) {
  if (result) ready(result.value().task);
  if (done) done(std::move(result));
}

void Queue::retry(JobId id, Reply<Job> done) {
  ask<Job>(
      [id, now = now()](Unit& unit) { return retry_job(unit, id, now); },
      [this, done = std::move(done)](Result<Job> job) { ready_when_done(std::move(job), done); });
}

void Queue::discard(JobId id, Reply<Job> done) {
  ask<Job>(
      [id, now = now()](Unit& unit) { return discard_job(unit, id, now); },
      [this, done = std::move(done)](Result<Job> job) { ready_when_done(std::move(job), done); });
}

void Queue::run_now(JobId id, Reply<Job> done) {
  ask<Job>(
      [id, now = now()](Unit& unit) { return run_job_now(unit, id, now); },
      [this, done = std::move(done)](Result<Job> job) { ready_when_done(std::move(job), done); });
}

void Queue::order(BulkAction action, JobFilter filter, std::int64_t expected,
                  Reply<BulkOutcome> done) {
  order_next(std::make_shared<Bulk>(Bulk{.action = action,
                                         .filter = std::move(filter),
                                         .expected = expected,
                                         .done = std::move(done),
                                         .range = {},
                                         .outcome = {}}));
}

void Queue::order_next(std::shared_ptr<Bulk> bulk) {
  ask<BulkStep>(
      [bulk, now = now()](Unit& unit) {
        if (!bulk->begun) {
          const auto matching = count_matching(unit, bulk->filter, bulk->expected + 1);
          if (matching != bulk->expected)
            throw Error(
                Code::conflict,
                fmt::format("{} jobs match, not the {} that were confirmed; nothing was done",
                            matching > bulk->expected ? "more" : std::to_string(matching),
                            bulk->expected),
                "Look again, and confirm the count that there is.");
          bulk->range.last = newest_job(unit);
        }
        return order_jobs(unit, bulk->action, bulk->filter, bulk->range, kBulkStep, now);
      },
      [this, bulk](Result<BulkStep> result) {
        if (!result) return bulk->done(result.error());
        const auto& step = result.value();
        bulk->begun = true;
        if (step.after) bulk->range.after = *step.after;
        bulk->outcome.changed += step.changed;
        bulk->outcome.skipped += step.skipped;
        bulk->outcome.running.insert(bulk->outcome.running.end(), step.running.begin(),
                                     step.running.end());
        for (const auto& task : step.ready) ready(task);
        if (step.after) return order_next(bulk);
        bulk->done(std::move(bulk->outcome));
      });
}

void Queue::set_paused(Pausable kind, std::string name, bool paused, Reply<bool> done) {
  auto work = [kind, name, paused, now = now()](Unit& unit) {
    return host::set_paused(unit, kind, name, paused, now);
  };
  ask<bool>(std::move(work),
            [this, kind, name, paused, done = std::move(done)](Result<bool> stored) {
              if (stored) {
                auto& names = kind == Pausable::task ? pauses_.tasks : pauses_.queues;
                if (paused) {
                  names.insert(name);
                } else {
                  names.erase(name);
                }
              }
              if (done) done(stored);
            });
}

void Queue::show(JobId id, Reply<JobDetail> done) {
  ask<JobDetail>([id](Unit& unit) { return read_job(unit, id); }, std::move(done), true);
}

void Queue::list(JobFilter filter, JobPage page, Reply<std::vector<Job>> done) {
  ask<std::vector<Job>>(
      [filter = std::move(filter), page](Unit& unit) { return list_jobs(unit, filter, page); },
      std::move(done), true);
}

void Queue::last_ends(Reply<std::map<std::string, WallTime>> done) {
  ask<std::map<std::string, WallTime>>([](Unit& unit) { return host::last_ends(unit); },
                                       std::move(done), true);
}

void Queue::count(JobFilter filter, std::int64_t cap, Reply<std::int64_t> done) {
  ask<std::int64_t>(
      [filter = std::move(filter), cap](Unit& unit) { return count_matching(unit, filter, cap); },
      std::move(done), true);
}

void Queue::counts(Reply<Counts> done) {
  ask<Counts>([](Unit& unit) { return count_jobs(unit); }, std::move(done), true);
}

}  // namespace host
