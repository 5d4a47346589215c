// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>

namespace host {

class Loop;

// A way to a loop that may go before those who want to answer on it. They keep the door; whoever
// owns the loop closes it, and from then on nothing that came through it runs.
class LoopDoor : public std::enable_shared_from_this<LoopDoor> {
 public:
  explicit LoopDoor(Loop& loop) : loop_(&loop) {}

  // Runs `work` on the loop, unless the door is closed by then. Any thread. Work that doesn't run
  // is let go on the loop's thread or on this one, so it must hold nothing that has to end on the
  // loop.
  void post(std::function<void()> work);
  // On the loop's thread, or when that runs no more, and before the loop goes.
  void close();

 private:
  std::mutex mutex_;
  Loop* loop_;  // nullptr: closed; written by the loop's thread, under mutex_
};

}  // namespace host
