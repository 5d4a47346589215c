// SPDX-License-Identifier: Apache-2.0
#include "control/job_routes.hpp"

#include <algorithm>
#include <utility>

#include "control/job_json.hpp"
#include "control/query.hpp"

namespace host {
namespace {

constexpr Duration kLongestWait = std::chrono::seconds(50);

}  // namespace

void JobRoutes::list(const ServerRequest& request, Respond respond) {
  JobFilter filter;
  if (const auto state = query_value(request, "state"); !state.empty())
    filter.state = parse_job_state(state);
  filter.task = query_value(request, "task");
  filter.held = query_value(request, "held") == "1";
  JobPage page;
  if (const auto before = query_value(request, "before"); !before.empty())
    page.before = JobId(number_in(before, "before"));
  page.limit = limit_in(query_value(request, "limit"));
  queue_->list(filter, page, answer<JobList>(std::move(respond), [](const JobList& list) {
                 return to_json(list);
               }));
}

void JobRoutes::show(const ServerRequest& request, Respond respond) {
  const JobId id(number_in(request.segments[2], "a job's id"));
  const auto wait = query_value(request, "wait");
  if (wait.empty()) return tell(id, std::move(respond));
  const auto limit = std::chrono::seconds(
      std::min<std::int64_t>(number_in(wait, "wait"), kLongestWait / std::chrono::seconds(1)));
  // Waiting begins before looking, so that an end in between is not missed.
  const auto waiter = waiters_.emplace(id, Waiter{respond, {}});
  waiter->second.timeout = loop_->after(limit, [this, waiter] {
    auto respond_to = std::move(waiter->second.respond);
    const JobId job = waiter->first;
    waiters_.erase(waiter);
    tell(job, std::move(respond_to));
  });
  queue_->show(id, [this, id](Result<JobDetail> detail) {
    const bool over = !detail.ok() || detail.value().job.ended_at.has_value();
    if (over) ended(id);
  });
}

void JobRoutes::ended(JobId job) {
  auto waiting = waiters_.equal_range(job);
  std::vector<Respond> responds;
  for (auto at = waiting.first; at != waiting.second; ++at)
    responds.push_back(std::move(at->second.respond));
  waiters_.erase(waiting.first, waiting.second);
  for (auto& respond : responds) tell(job, std::move(respond));
}

void JobRoutes::stop() {
  for (auto& [job, waiter] : waiters_) tell(job, std::move(waiter.respond));
  waiters_.clear();
}

void JobRoutes::tell(JobId id, Respond respond) {
  queue_->show(id, answer<JobDetail>(std::move(respond),
                                     [](const JobDetail& detail) { return to_json(detail); }));
}

Reply<std::vector<Inserted>> JobRoutes::answer_enqueued(Respond respond) const {
  return answer<std::vector<Inserted>>(
      std::move(respond), [](const std::vector<Inserted>& inserted) {
        return Json{{"id", inserted.front().id.value()}, {"duplicate", inserted.front().duplicate}};
      });
}

Reply<Cancelled> JobRoutes::answer_cancelled(JobId id, Respond respond) {
  return answer<Cancelled>(std::move(respond), [this, id](const Cancelled& cancelled) {
    if (cancelled.running)
      control_->stop_running(id);
    else
      ended(id);
    return Json{{"id", id.value()},
                {"state", name(cancelled.state)},
                {"stopping", cancelled.running.has_value()}};
  });
}

Reply<Job> JobRoutes::answer_changed(JobId id, Respond respond) {
  return answer<Job>(std::move(respond), [this, id](const Job& job) {
    if (job.ended_at) ended(id);
    return to_json(job);
  });
}

}  // namespace host
