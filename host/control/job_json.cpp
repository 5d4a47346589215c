// SPDX-License-Identifier: Apache-2.0
#include "control/job_json.hpp"

namespace host {
namespace {

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json();
}

// Stored JSON as JSON; text that is none (nothing of ours) as a text.
Json stored(const std::string& text) {
  if (text.empty()) return nullptr;
  auto value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Json to_json(const Attempt& attempt) {
  const auto& verdict = attempt.verdict;
  return {{"attempt", attempt.attempt},
          {"lease", attempt.lease.value()},
          {"verdict", name(verdict.kind)},
          {"permanent", verdict.permanent},
          {"code", verdict.code},
          {"message", verdict.message},
          {"signal", verdict.signal},
          {"exit_status", verdict.exit_status},
          {"cpu_ms", milliseconds(verdict.usage.cpu)},
          {"max_rss_bytes", verdict.usage.max_rss_bytes},
          {"output", verdict.output},
          {"began", format_utc(attempt.began)},
          {"ended", format_utc(attempt.ended)},
          {"next_run", time_or_null(attempt.next_run)}};
}

}  // namespace

Json to_json(const Job& job) {
  return {{"id", job.id.value()},
          {"task", job.task},
          {"state", name(job.state)},
          {"payload", stored(job.payload)},
          {"priority", job.priority},
          {"attempt", job.attempt},
          {"max_attempts", job.max_attempts},
          {"crashes", job.crashes},
          {"interrupted", job.interrupted},
          {"lease", job.lease.value()},
          {"source", job.source},
          {"unique_key", job.unique_key},
          {"concurrency_key", job.concurrency_key},
          {"waits_turn", job.waits_turn},
          {"due", time_or_null(job.due)},
          {"scheduled_for", time_or_null(job.nominal)},
          {"parent", job.parent ? Json(job.parent->value()) : Json()},
          {"inserted_at", format_utc(job.inserted_at)},
          {"attempted_at", time_or_null(job.attempted_at)},
          {"ended_at", time_or_null(job.ended_at)},
          {"cancel_requested_at", time_or_null(job.cancel_requested_at)},
          {"held", job.held},
          {"progress", stored(job.progress)},
          {"result", stored(job.result)}};
}

Json to_json(const JobDetail& detail) {
  Json json = to_json(detail.job);
  json["attempts"] = Json::array();
  for (const auto& attempt : detail.attempts) json["attempts"].push_back(to_json(attempt));
  return json;
}

Json to_json(const JobList& list) {
  Json jobs = Json::array();
  for (const auto& job : list.jobs) {
    auto& json = jobs.emplace_back(to_json(job));
    json["abridged"] = job.abridged;
    if (!job.abridged) continue;
    if (job.payload.empty()) json.erase("payload");
    if (job.result.empty()) json.erase("result");
  }
  return {{"jobs", std::move(jobs)}, {"next", list.next ? Json(list.next->value()) : Json()}};
}

}  // namespace host
