// SPDX-License-Identifier: Apache-2.0
#include "app/forge_lanes.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace host {

ForgeLanes::ForgeLanes(Bounds bounds, std::function<void()> idle)
    : bounds_(bounds), idle_(std::move(idle)) {}

void ForgeLanes::add(std::size_t lane, Work work) {
  if (lanes_.size() <= lane) lanes_.resize(lane + 1);
  lanes_[lane].waiting.push_back(std::move(work));
  pump();
}

ForgeLanes::Lane* ForgeLanes::next() {
  Lane* best = nullptr;
  const auto order = [](const Lane& lane) { return std::tuple(lane.running, lane.started); };
  for (Lane& lane : lanes_)
    if (!lane.waiting.empty() && lane.running < bounds_.in_lane &&
        (best == nullptr || order(lane) < order(*best)))
      best = &lane;
  return best;
}

bool ForgeLanes::busy() const {
  return running_ > 0 || std::any_of(lanes_.begin(), lanes_.end(),
                                     [](const Lane& lane) { return !lane.waiting.empty(); });
}

void ForgeLanes::pump() {
  // Work that is done at once comes back here from below.
  if (std::exchange(pumping_, true)) return;
  while (running_ < bounds_.at_once) {
    Lane* lane = next();
    if (lane == nullptr) break;
    const Work work = std::move(lane->waiting.front());
    lane->waiting.pop_front();
    ++lane->running, ++lane->started, ++running_;
    // An index: work may add a lane, which moves them all.
    const auto index = static_cast<std::size_t>(lane - lanes_.data());
    work([self = shared_from_this(), index] { self->done(index); });
  }
  pumping_ = false;
}

void ForgeLanes::done(std::size_t lane) {
  --lanes_[lane].running, --running_;
  if (pumping_) return;
  pump();
  if (!busy()) idle_();
}

}  // namespace host
