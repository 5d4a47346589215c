// SPDX-License-Identifier: Apache-2.0
#include "queue/job.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.hpp"

namespace host {
namespace {

constexpr std::array<std::string_view, 7> kStates{"scheduled", "available", "running",  "retryable",
                                                  "completed", "cancelled", "discarded"};
constexpr std::array<std::string_view, 7> kVerdicts{
    "completed", "failed", "timed_out", "crashed", "cancelled", "interrupted", "snoozed"};
constexpr std::array<std::string_view, 4> kActions{"cancel", "retry", "discard", "run-now"};

}  // namespace

std::string_view name(JobState state) noexcept { return kStates[static_cast<std::size_t>(state)]; }

JobState parse_job_state(std::string_view text) {
  const auto* const found = std::find(kStates.begin(), kStates.end(), text);
  if (found == kStates.end()) {
    throw Error(Code::invalid, "'" + std::string(text) + "' is no state of a job",
                "Use scheduled, available, running, retryable, completed, cancelled or discarded.");
  }
  return static_cast<JobState>(found - kStates.begin());
}

std::string_view name(Verdict::Kind kind) noexcept {
  return kVerdicts[static_cast<std::size_t>(kind)];
}

std::string_view name(BulkAction action) noexcept {
  return kActions[static_cast<std::size_t>(action)];
}

BulkAction parse_bulk_action(std::string_view text) {
  const auto* const found = std::find(kActions.begin(), kActions.end(), text);
  if (found == kActions.end()) {
    throw Error(Code::usage, "'" + std::string(text) + "' is nothing that can be done to jobs",
                "Use cancel, retry, discard or run-now.");
  }
  return static_cast<BulkAction>(found - kActions.begin());
}

Verdict::Kind parse_verdict_kind(std::string_view text) {
  const auto* const found = std::find(kVerdicts.begin(), kVerdicts.end(), text);
  if (found == kVerdicts.end()) {
    throw Error(Code::invalid, "'" + std::string(text) + "' is no verdict");
  }
  return static_cast<Verdict::Kind>(found - kVerdicts.begin());
}

RateLimit parse_rate(std::string_view text) {
  if (text.empty() || text == "none") return {};
  const auto slash = text.find('/');
  int runs = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), runs);
  const bool counted = failed == std::errc{} && end == text.data() + slash;
  if (slash == std::string_view::npos || !counted || runs < 1 || runs > kRateLimitRuns)
    throw Error(Code::invalid, "'" + std::string(text) + "' is no rate",
                "Write RUNS/DURATION with at most 1000 runs, such as 30/1h, or none.");
  const auto per = parse_duration(std::string(text.substr(slash + 1)));
  if (per <= Duration::zero())
    throw Error(Code::invalid, "'" + std::string(text) + "' is a rate over no time",
                "Write RUNS/DURATION, such as 30/1h.");
  return {runs, per};
}

std::string to_text(const RateLimit& rate) {
  return rate ? std::to_string(rate.runs) + "/" + format_duration(rate.per) : "none";
}

bool follows(FollowOn when, JobState state) noexcept {
  switch (when) {
    case FollowOn::success: return state == JobState::completed;
    case FollowOn::failure: return state == JobState::discarded;
    case FollowOn::always: return state >= JobState::completed;
  }
  return false;
}

Duration retry_delay(const RetryPolicy& policy, int n, double random) {
  Duration delay = std::max(policy.base, Duration::zero());
  for (int i = 1; i < n && delay > Duration::zero() && delay < policy.cap; ++i) {
    // Halving the cap instead of doubling past the largest number.
    delay = delay > policy.cap / 2 ? policy.cap : delay * 2;
  }
  delay = std::min(delay, policy.cap);
  return Duration(
      static_cast<Duration::rep>(static_cast<double>(delay.count()) * (0.5 + random / 2)));
}

}  // namespace host
