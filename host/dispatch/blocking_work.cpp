// SPDX-License-Identifier: Apache-2.0
#include "dispatch/blocking_work.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace host::dispatch {

struct BlockingWork::State {
  std::mutex mutex;
  std::condition_variable ended;
  std::deque<std::function<void()>> waiting;
  std::size_t threads = 0;
  std::size_t most = 1;
  bool closed = false;
};

BlockingWork::BlockingWork(Loop& loop, std::size_t most)
    : door_(std::make_shared<LoopDoor>(loop)), state_(std::make_shared<State>()) {
  state_->most = most;
}

void BlockingWork::close() {
  door_->close();
  std::unique_lock held(state_->mutex);
  state_->closed = true;
  state_->waiting.clear();
  state_->ended.wait(held, [this] { return state_->threads == 0; });
}

void BlockingWork::begin(std::function<void()> work) {
  const std::scoped_lock held(state_->mutex);
  if (state_->closed) return;
  state_->waiting.push_back(std::move(work));
  if (state_->threads == state_->most) return;
  // Neither the loop nor the store's thread may wait for git or for a program in a cage, and none
  // of these can be had without waiting: hence a thread. It ends when nothing is left to do.
  std::thread([state = state_] { work_on(state); }).detach();
  ++state_->threads;
}

void BlockingWork::work_on(const std::shared_ptr<State>& state) {
  std::unique_lock held(state->mutex);
  while (!state->waiting.empty()) {
    auto work = std::move(state->waiting.front());
    state->waiting.pop_front();
    held.unlock();
    work();
    work = nullptr;
    held.lock();
  }
  --state->threads;
  state->ended.notify_all();
}

}  // namespace host::dispatch
