// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "base/loop.hpp"

namespace host {

// Many changes as one: calls `then` once, on the loop, when it has been quiet for `settle` after
// the last of them, at most ten times that after the first. Loop thread; destroying it calls
// nothing.
class Quiet {
 public:
  // `loop` outlives it.
  Quiet(Loop& loop, Duration settle, std::function<void()> then)
      : loop_(loop), settle_(settle), then_(std::move(then)) {}

  void touch() {
    const auto now = loop_.clock().monotonic();
    if (!timer_) latest_ = now + 10 * settle_;
    const auto at = std::min(now + settle_, latest_);
    // Armed anew after the last moment, it would never come to fire between two changes.
    if (timer_ && at == fires_at_) return;
    fires_at_ = at;
    timer_ = loop_.after(at - now, [this] {
      timer_.cancel();
      then_();
    });
  }

  void cancel() { timer_.cancel(); }

 private:
  Loop& loop_;
  Duration settle_;
  std::function<void()> then_;
  Timer timer_;
  MonotonicTime latest_{};
  MonotonicTime fires_at_{};
};

}  // namespace host
