// SPDX-License-Identifier: Apache-2.0
//
// The queue for those who look at it and give it orders.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "queue/job_table.hpp"
#include "queue/queue.hpp"

namespace host {
namespace {

constexpr std::size_t kBulkStep = 200;  // jobs changed in one transaction

}  // namespace

// A bulk order under way.
struct Queue::Bulk {
  BulkAction action;
  JobFilter filter;
  std::int64_t expected = 0;
  std::function<void(RunId)> stop;
  Reply<BulkOutcome> done;
  std::vector<JobId> jobs;  // those that were confirmed
  std::size_t next = 0;
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
                  std::function<void(RunId)> stop, Reply<BulkOutcome> done) {
  auto bulk = std::make_shared<Bulk>(Bulk{.action = action,
                                          .filter = std::move(filter),
                                          .expected = expected,
                                          .stop = std::move(stop),
                                          .done = std::move(done),
                                          .jobs = {},
                                          .outcome = {}});
  ask<std::vector<JobId>>(
      [bulk](Unit& unit) { return matching_jobs(unit, bulk->filter, bulk->expected + 1); },
      [this, bulk](Result<std::vector<JobId>> found) {
        if (!found) return bulk->done(found.error());
        bulk->jobs = std::move(found).value();
        const auto matching = static_cast<std::int64_t>(bulk->jobs.size());
        if (matching == bulk->expected) return order_next(bulk);
        bulk->done(
            Error(Code::conflict,
                  fmt::format("{} jobs match, not the {} that were confirmed; nothing was done",
                              matching > bulk->expected ? "more" : std::to_string(matching),
                              bulk->expected),
                  "Look again, and confirm the count that there is."));
      },
      true);
}

void Queue::order_next(std::shared_ptr<Bulk> bulk) {
  const auto jobs = std::span(bulk->jobs)
                        .subspan(bulk->next)
                        .first(std::min(kBulkStep, bulk->jobs.size() - bulk->next));
  if (jobs.empty()) return bulk->done(bulk->outcome);
  bulk->next += jobs.size();
  ask<BulkStep>([bulk, jobs, now = now()](
                    Unit& unit) { return order_jobs(unit, bulk->action, bulk->filter, jobs, now); },
                [this, bulk](Result<BulkStep> result) {
                  if (!result) {
                    const auto& error = result.error();
                    return bulk->done(Error(error.code(),
                                            fmt::format("{}; {} jobs were changed before",
                                                        error.message(), bulk->outcome.changed),
                                            error.next_step()));
                  }
                  const auto& step = result.value();
                  bulk->outcome.changed += step.changed;
                  bulk->outcome.skipped += step.skipped;
                  bulk->outcome.stopping += static_cast<std::int64_t>(step.running.size());
                  if (bulk->stop)
                    for (const auto run : step.running) bulk->stop(run);
                  for (const auto& task : step.ready) ready(task);
                  order_next(bulk);
                });
}

void Queue::make_available(std::function<std::set<std::string>(Unit&, WallTime)> work,
                           Reply<Done> done) {
  ask<std::set<std::string>>(
      [work = std::move(work), now = now()](Unit& unit) { return work(unit, now); },
      [this, done = std::move(done)](Result<std::set<std::string>> tasks) {
        if (!tasks) return done(tasks.error());
        for (const auto& task : tasks.value()) ready(task);
        done(Done{});
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

void Queue::list(JobFilter filter, JobPage page, Reply<JobList> done) {
  ask<JobList>(
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
