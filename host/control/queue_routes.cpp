// SPDX-License-Identifier: Apache-2.0
#include "control/queue_routes.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "services/service.hpp"

namespace host {
namespace {

// A count that is to be confirmed must be exact. By a task alone it looks at every row: some tenths
// of a second for a million, at an operator's word.
constexpr std::int64_t kCountCap = 1'000'000;
constexpr std::size_t kBatchCap = 10'000;

JobFilter bulk_filter(const Json& request) {
  auto filter = filter_of(request);
  if (!filter.state && filter.task.empty() && !filter.held)
    throw Error(Code::usage, "all jobs of the host are meant",
                "Name a state or a task; see timmy-host jobs list.");
  return filter;
}

std::int64_t seconds_since(WallTime since, WallTime now) {
  return std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(now - since).count(), 0);
}

void add_oldest(Json& to, const ReadyCount& ready, WallTime now) {
  const auto waited = seconds_since(ready.oldest_since, now);
  auto& oldest = to["oldest_ready_seconds"];
  if (oldest.is_null() || oldest < waited) oldest = waited;
  to["maybe_older"] = to["maybe_older"] == true || ready.maybe_older;
}

}  // namespace

Json queues_report(Json queues, const Counts& counts, WallTime now) {
  std::map<std::string_view, const ReadyCount*> by_task;
  for (const auto& ready : counts.ready) by_task.emplace(ready.task, &ready);
  for (auto& queue : queues["queues"]) {
    queue["oldest_ready_seconds"] = nullptr;
    queue["maybe_older"] = false;
    for (auto& task : queue["tasks"]) {
      task.update({{"ready", 0},
                   {"more", false},
                   {"next_since", nullptr},
                   {"oldest_ready_seconds", nullptr},
                   {"maybe_older", false}});
      const auto found = by_task.find(task["task"].get_ref<const std::string&>());
      if (found == by_task.end()) continue;
      const auto& ready = *found->second;
      task["ready"] = ready.count;
      task["more"] = ready.capped;
      if (ready.next_since) task["next_since"] = format_utc(*ready.next_since);
      add_oldest(task, ready, now);
      add_oldest(queue, ready, now);
    }
  }
  return queues;
}

Json ready_report(const Counts& counts, WallTime now) {
  Json report = Json::object();
  for (const auto& ready : counts.ready) {
    auto& task = report[ready.task];
    task = {{"count", ready.count}, {"more", ready.capped}, {"next_since", nullptr}};
    if (ready.next_since) task["next_since"] = format_utc(*ready.next_since);
    add_oldest(task, ready, now);
  }
  return report;
}

JobFilter filter_of(const Json& request) {
  JobFilter filter;
  if (const auto state = text_parameter(request, "state", ""); !state.empty())
    filter.state = parse_job_state(state);
  filter.task = text_parameter(request, "task", "");
  filter.held = request.contains("held") && (request["held"] == true || request["held"] == "1");
  return filter;
}

void count_matching(Queue& queue, const Json& request, Reply<Json> done) {
  queue.count(
      bulk_filter(request), kCountCap + 1, [done = std::move(done)](Result<std::int64_t> n) {
        if (!n.ok()) return done(n.error());
        done(Json{{"count", std::min(n.value(), kCountCap)}, {"more", n.value() > kCountCap}});
      });
}

void order_matching(Queue& queue, HostControl& control, const Json& request, Reply<Json> done) {
  const auto action = parse_bulk_action(text_parameter(request, "action"));
  const auto expect = number_parameter(request, "expect", -1, -1, kCountCap);
  if (expect < 0)
    throw Error(Code::usage, "how many jobs are expected?",
                "Count them first, then send the count as \"expect\".");
  queue.order(
      action, bulk_filter(request), expect,
      [&control](RunId run) { control.stop_running(run.job); },
      [done = std::move(done)](Result<BulkOutcome> outcome) {
        if (!outcome.ok()) return done(outcome.error());
        done(Json{{"changed", outcome.value().changed},
                  {"skipped", outcome.value().skipped},
                  {"stopping", outcome.value().stopping}});
      });
}

NewJob job_of(const HostControl& control, const Json& request) {
  static const std::set<std::string> kKeys{"task",           "payload",    "priority",
                                           "delay_ms",       "unique_key", "unique_window_ms",
                                           "concurrency_key"};
  if (!request.is_object()) throw Error(Code::usage, "a job must be a JSON object");
  for (const auto& [key, value] : request.items())
    if (!kKeys.contains(key)) throw Error(Code::usage, "unknown key \"" + key + "\" of a job");
  NewJob job = control.new_job(text_parameter(request, "task"));
  job.payload = to_text(object_parameter(request, "payload"));
  job.priority = static_cast<int>(number_parameter(request, "priority", job.priority, 0, 9));
  job.delay = milliseconds_parameter(request, "delay_ms", {});
  job.unique_key = text_parameter(request, "unique_key", "");
  job.unique_window = milliseconds_parameter(request, "unique_window_ms", {});
  job.concurrency_key = text_parameter(request, "concurrency_key", "");
  job.source = "cli";
  return job;
}

void insert_batch(Queue& queue, const HostControl& control, const Json& request, Reply<Json> done) {
  const auto list = request.find("jobs");
  if (list == request.end() || !list->is_array() || list->empty() || list->size() > kBatchCap)
    throw Error(Code::usage, "\"jobs\" must be a list of 1 to 10,000 jobs");
  std::vector<NewJob> jobs;
  jobs.reserve(list->size());
  for (const Json& each : *list) {
    try {
      jobs.push_back(job_of(control, each));
    } catch (const Error& error) {
      throw Error(error.code(), "job " + std::to_string(jobs.size() + 1) + ": " + error.message(),
                  error.next_step());
    }
  }
  queue.insert(std::move(jobs), [done = std::move(done)](Result<std::vector<Inserted>> inserted) {
    if (!inserted.ok()) return done(inserted.error());
    std::size_t duplicates = 0;
    for (const auto& each : inserted.value()) duplicates += each.duplicate;
    done(Json{{"inserted", inserted.value().size() - duplicates},
              {"duplicates", duplicates},
              {"first_id", inserted.value().front().id.value()}});
  });
}

void change_pause(Queue& queue, HostControl& control, Pausable kind, const std::string& name,
                  const std::string& verb, Reply<Json> done) {
  if (verb != "pause" && verb != "resume")
    throw Error(Code::not_found, "a " + std::string(host::name(kind)) + " has no \"" + verb + "\"",
                "Use pause or resume.");
  control.check_pausable(kind, name);
  const bool paused = verb == "pause";
  queue.set_paused(kind, name, paused,
                   [&control, paused, done = std::move(done)](Result<bool> changed) {
                     if (!changed.ok()) return done(changed.error());
                     control.pauses_changed();
                     done(Json{{"paused", paused}, {"changed", changed.value()}});
                   });
}

}  // namespace host
