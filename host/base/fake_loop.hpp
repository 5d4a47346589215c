// SPDX-License-Identifier: Apache-2.0
//
// The loop's and the clock's in-memory twins, for tests: time stands still until told to move.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/loop.hpp"

namespace host {

// Starts at 2026-01-05T12:00:00Z, a Monday. Thread-safe.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return locked(wall_); }
  [[nodiscard]] MonotonicTime monotonic() const override { return locked(monotonic_); }
  [[nodiscard]] Duration boot() const override { return locked(boot_); }

  // Time passes: all three clocks move.
  void advance(Duration by) {
    const std::scoped_lock lock(mutex_);
    wall_ += by, monotonic_ += by, boot_ += by;
  }
  // Somebody sets the wall clock: nothing else moves.
  void set_wall(WallTime to) {
    const std::scoped_lock lock(mutex_);
    wall_ = to;
  }
  // The machine sleeps: the wall and boot clocks move, the monotonic one does not.
  void suspend(Duration by) {
    const std::scoped_lock lock(mutex_);
    wall_ += by, boot_ += by;
  }

 private:
  template <class T>
  [[nodiscard]] T locked(const T& value) const {
    const std::scoped_lock lock(mutex_);
    return value;
  }
  mutable std::mutex mutex_;
  WallTime wall_{std::chrono::sys_days{std::chrono::January / 5 / 2026} + std::chrono::hours(12)};
  MonotonicTime monotonic_{std::chrono::hours(100)};
  Duration boot_{std::chrono::hours(100)};
};

class FakeLoop final : public Loop {
 public:
  void post(std::function<void()> work) override {
    const std::scoped_lock lock(mutex_);
    posted_.push_back(std::move(work));
  }

  [[nodiscard]] Timer after(Duration delay, std::function<void()> work) override {
    const auto at = clock_.monotonic() + std::max(delay, Duration::zero());
    auto entry = std::make_shared<Entry>(std::move(work));
    timers_.emplace(at, entry);
    return Timer(std::make_unique<PendingEntry>(std::move(entry)));
  }

  [[nodiscard]] const Clock& clock() const override { return clock_; }
  [[nodiscard]] FakeClock& fake_clock() { return clock_; }

  // Runs what was posted, and what that posts, and timers that are due, until nothing is left.
  void drain() {
    while (run_one()) continue;
  }

  // The first of that alone, for who wants to stop in between. False: there is nothing.
  bool run_one() {
    if (auto work = take_posted()) {
      (*work)();
    } else if (!timers_.empty() && timers_.begin()->first <= clock_.monotonic()) {
      fire_first();
    } else {
      return false;
    }
    return true;
  }

  // Lets `by` pass, stopping at each timer on the way.
  void advance(Duration by) {
    const auto end = clock_.monotonic() + by;
    drain();
    while (!timers_.empty() && timers_.begin()->first <= end) {
      clock_.advance(timers_.begin()->first - clock_.monotonic());
      drain();
    }
    clock_.advance(end - clock_.monotonic());
    drain();
  }

  // How many timers are armed: an idle host has none without a cause.
  [[nodiscard]] std::size_t armed() const {
    std::size_t count = 0;
    for (const auto& [at, entry] : timers_) count += entry->work != nullptr;
    return count;
  }

 private:
  struct Entry {
    explicit Entry(std::function<void()> w) : work(std::move(w)) {}
    std::function<void()> work;
  };
  struct PendingEntry final : Timer::Pending {
    explicit PendingEntry(std::shared_ptr<Entry> e) : entry(std::move(e)) {}
    ~PendingEntry() override { entry->work = nullptr; }
    std::shared_ptr<Entry> entry;
  };

  std::optional<std::function<void()>> take_posted() {
    const std::scoped_lock lock(mutex_);
    if (posted_.empty()) return std::nullopt;
    auto work = std::move(posted_.front());
    posted_.pop_front();
    return work;
  }

  void fire_first() {
    const auto entry = timers_.begin()->second;
    timers_.erase(timers_.begin());
    if (auto work = std::exchange(entry->work, nullptr)) work();
  }

  FakeClock clock_;
  std::mutex mutex_;
  std::deque<std::function<void()>> posted_;
  std::multimap<MonotonicTime, std::shared_ptr<Entry>> timers_;
};

}  // namespace host
