// SPDX-License-Identifier: Apache-2.0
#include "cap_watch.hpp"

#include <utility>

#include "digest.hpp"

namespace triage {
namespace {

using timmy::Json;

constexpr int kRuns = 3;
// Runs are one after the other if no more than this lies between them, and none that wrote and left
// nothing to do: what wrote nothing meanwhile, or was cut short, leaves no trace.
constexpr auto kInARow = std::chrono::hours(48);

}  // namespace

CapWatch::CapWatch(timmy::Context& ctx, std::string task, const std::string& config,
                   const Json& payload)
    : ctx_(ctx),
      task_(std::move(task)),
      config_(digest(config)),
      go_on_(payload.value("go_on", false)),
      of_event_(!payload.value("repo", "").empty()) {}

// What this run itself comes to is for the next.
bool CapWatch::holds() {
  if (!holds_)
    holds_ = !go_on_ && is_of_now() && !is_allowed() && counted().value("runs", 0) >= kRuns;
  return *holds_;
}

const Json& CapWatch::counted() {
  if (!counted_) counted_ = ctx_.state().get("capped/" + task_).value_or(Json::object());
  return *counted_;
}

// Not of another config.
bool CapWatch::is_of_now() { return counted().value("of", "") == config_; }

bool CapWatch::is_allowed() { return is_of_now() && counted().value("allowed", false); }

void CapWatch::wrote() {
  if (std::exchange(wrote_, true)) return;
  if (go_on_ && !is_allowed()) keep({{"of", config_}, {"allowed", true}});
}

void CapWatch::met_cap() {
  if (!wrote_ || of_event_ || is_allowed()) return;
  const auto last = timmy::parse_time(counted().value("at", ""));
  const bool next = is_of_now() && last && ctx_.now() - *last <= kInARow;
  keep({{"of", config_},
        {"runs", next ? counted().value("runs", 0) + 1 : 1},
        {"at", timmy::format_time(ctx_.now())}});
}

void CapWatch::did_all() {
  if (wrote_ && !of_event_ && !is_allowed() && !counted().empty()) keep(nullptr);
}

// At once, whatever becomes of the run.
void CapWatch::keep(const Json& counted) {
  counted_ = counted.is_null() ? Json::object() : counted;
  ctx_.state().put_now("capped/" + task_, counted);
}

std::string CapWatch::why() const {
  return task_ + " writes nothing: each of its last " + std::to_string(kRuns) +
         " runs was ended by the cap of writes (limits.mutations) and would have gone on. Look "
         "what they wrote, with timmy-host audit --who triage. If that is right: timmy-host "
         "enqueue " +
         task_ +
         " --payload '{\"go_on\": true}'; if it is not, mend what the config says. A dry run is "
         "held, too: with go_on it says what it would write, and the task is held as before";
}

}  // namespace triage
