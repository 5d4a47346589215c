// SPDX-License-Identifier: Apache-2.0
#include "tokens/pause_watch.hpp"

#include <algorithm>
#include <utility>

#include "tokens/pause_table.hpp"

namespace host {
namespace {

// A timer's clock stands still while the machine sleeps, the day's does not.
constexpr Duration kLookAgain = std::chrono::minutes(1);

// How long after a read that failed the next one is made: a pause must not be missed.
constexpr Duration kReadAgain = std::chrono::seconds(1);

}  // namespace

PauseWatch::PauseWatch(Store& store, Loop& loop, const DayClock& day, Log log)
    : store_(store), loop_(loop), day_(day), log_(std::move(log)) {}

void PauseWatch::take(std::map<std::string, PipelinePause> pauses) {
  if (pauses == pauses_) return;
  for (const auto& [pipeline, pause] : pauses)
    if (const auto old = pauses_.find(pipeline); old == pauses_.end() || old->second != pause)
      log_.warn("pipeline {} pauses until {}: {}", pipeline, format_utc(pause.until), pause.cause);
  for (const auto& [pipeline, pause] : pauses_)
    if (!pauses.contains(pipeline)) log_.info("pipeline {} goes on", pipeline);
  pauses_ = std::move(pauses);
  arm();
  if (handler_) handler_();
}

void PauseWatch::add(const PipelinePause& pause) {
  auto pauses = pauses_;
  pauses[pause.pipeline] = pause;
  take(std::move(pauses));
}

void PauseWatch::reread() {
  store_.run(
      [](Unit& unit) { return read_pauses_of_pipelines(unit); },
      [this, alive = std::weak_ptr(alive_)](Result<std::map<std::string, PipelinePause>> pauses) {
        if (alive.expired()) return;
        if (pauses) return take(std::move(pauses.value()));
        reading_ = loop_.after(kReadAgain, [this] { reread(); });
      });
}

void PauseWatch::arm() {
  timer_.cancel();
  if (pauses_.empty()) return;
  auto first = WallTime::max();
  for (const auto& [pipeline, pause] : pauses_) first = std::min(first, pause.until);
  timer_ = loop_.after(std::min(first - day_.now(), kLookAgain), [this] { end_what_is_over(); });
}

void PauseWatch::end_what_is_over() {
  const auto now = day_.now();
  auto pauses = pauses_;
  std::erase_if(pauses, [now](const auto& pause) { return pause.second.until <= now; });
  if (pauses.size() == pauses_.size()) return arm();
  // Should it fail, the next host ends them.
  store_.submit([now](Unit& unit) { unit.run("DELETE FROM token_pauses WHERE until<=?", now); },
                {});
  take(std::move(pauses));
}

}  // namespace host
