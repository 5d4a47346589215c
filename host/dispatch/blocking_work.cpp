// SPDX-License-Identifier: Apache-2.0
#include "dispatch/blocking_work.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace host::dispatch {

struct BlockingWork::State {
  struct Queue {
    std::deque<std::function<void()>> waiting;
    std::size_t threads = 0;
    std::size_t most = 1;
  };
  Queue& of(WorkKind kind) { return queues[static_cast<std::size_t>(kind)]; }

  std::mutex mutex;
  std::condition_variable ended;
  std::array<Queue, kWorkKinds> queues;
  bool closed = false;
};

BlockingWork::BlockingWork(Loop& loop, WorkBounds bounds)
    : door_(std::make_shared<LoopDoor>(loop)), state_(std::make_shared<State>()) {
  state_->of(WorkKind::brief).most = bounds.brief;
  state_->of(WorkKind::placed).most = bounds.placed;
  state_->of(WorkKind::remote).most = bounds.remote;
  state_->of(WorkKind::upkeep).most = bounds.upkeep;
}

void BlockingWork::close() {
  door_->close();
  std::unique_lock held(state_->mutex);
  state_->closed = true;
  for (auto& queue : state_->queues) queue.waiting.clear();
  state_->ended.wait(held, [this] {
    return std::all_of(state_->queues.begin(), state_->queues.end(),
                       [](const State::Queue& queue) { return queue.threads == 0; });
  });
}

void BlockingWork::begin(WorkKind kind, std::function<void()> work) {
  const std::scoped_lock held(state_->mutex);
  if (state_->closed) return;
  auto& queue = state_->of(kind);
  queue.waiting.push_back(std::move(work));
  if (queue.threads == queue.most) return;
  // Neither the loop nor the store's thread may wait for git or for a program in a cage, and none
  // of these can be had without waiting: hence a thread. It ends when nothing is left to do.
  try {
    std::thread([state = state_, kind] { work_on(state, kind); }).detach();
    ++queue.threads;
  } catch (const std::system_error&) {
    // One of those that there are takes it in its turn.
    if (queue.threads > 0) return;
    queue.waiting.pop_back();
    throw;
  }
}

void BlockingWork::work_on(const std::shared_ptr<State>& state, WorkKind kind) {
  std::unique_lock held(state->mutex);
  auto& queue = state->of(kind);
  while (!queue.waiting.empty()) {
    auto work = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    held.unlock();
    work();
    work = nullptr;
    held.lock();
  }
  --queue.threads;
  state->ended.notify_all();
}

}  // namespace host::dispatch
