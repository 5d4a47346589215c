// SPDX-License-Identifier: Apache-2.0
#include "gitea/breaker.hpp"

#include <algorithm>

namespace host {

Breaker::Breaker(Loop& loop, std::mt19937_64& random, Settings settings,
                 std::function<void()> probe, std::function<void(bool)> changed)
    : loop_(loop),
      random_(random),
      settings_(settings),
      probe_(std::move(probe)),
      changed_(std::move(changed)) {}

bool Breaker::admit() {
  if (state_ == State::closed) return true;
  if (state_ == State::trial || left() > Duration::zero()) return false;
  state_ = State::trial;
  timer_.cancel();
  return true;
}

void Breaker::succeeded() {
  failures_ = 0;
  trials_ = 0;
  suspects_.clear();
  if (state_ == State::closed) return;
  state_ = State::closed;
  timer_.cancel();
  changed_(false);
}

void Breaker::failed() {
  if (state_ == State::open) return;  // it was sent before the breaker opened
  if (state_ == State::trial) {
    ++trials_;
    return start_pause();
  }
  if (++failures_ < settings_.failures) return;
  start_pause();
  changed_(true);
}

void Breaker::failed_on(const std::string& object) {
  if (suspects_.contains(object)) return undecided();
  if (state_ == State::closed) suspects_.insert(object);
  failed();
}

void Breaker::undecided() {
  if (state_ != State::trial) return;
  state_ = State::open;
  arm();
}

Duration Breaker::left() const {
  return std::max(Duration::zero(), until_ - loop_.clock().monotonic());
}

void Breaker::set_waiting(bool waiting) {
  waiting_ = waiting;
  arm();
}

void Breaker::start_pause() {
  state_ = State::open;
  Duration pause = settings_.pause;
  for (int i = 0; i < trials_ && pause < settings_.pause_cap; ++i) pause *= 2;
  pause = std::min(pause, settings_.pause_cap);
  // Between half of it and all, so that many hosts don't come back at one instant.
  std::uniform_int_distribution<Duration::rep> part(pause.count() / 2, pause.count());
  until_ = loop_.clock().monotonic() + Duration(part(random_));
  arm();
}

void Breaker::arm() {
  timer_.cancel();
  if (state_ == State::open && waiting_) timer_ = loop_.after(left(), [this] { probe_(); });
}

}  // namespace host
