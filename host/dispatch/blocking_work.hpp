// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/loop.hpp"
#include "base/loop_door.hpp"
#include "base/result.hpp"

namespace host::dispatch {

// Work of the dispatcher's that blocks: git, which may take minutes, and what waits for a cage.
class BlockingWork {
 public:
  // `most` pieces of work at once, each on a thread of its own; more wait, in order.
  BlockingWork(Loop& loop, std::size_t most);
  ~BlockingWork() { close(); }
  BlockingWork(const BlockingWork&) = delete;
  BlockingWork& operator=(const BlockingWork&) = delete;

  // What has not begun is not begun any more, and what is under way is waited for; nothing is
  // answered. Before what the work uses ends.
  void close();

  // Does it on another thread and answers on the loop, with what it returned or threw. Loop thread.
  template <class Work, class R = std::invoke_result_t<Work&>,
            class V = std::conditional_t<std::is_void_v<R>, Done, R>>
  void run(Work work, Reply<std::type_identity_t<V>> reply) {
    begin([door = door_, work = std::move(work), reply = std::move(reply)]() mutable {
      auto result = std::make_shared<Result<V>>(attempt(work));
      door->post([result, reply = std::move(reply)] { reply(std::move(*result)); });
    });
  }

 private:
  struct State;
  void begin(std::function<void()> work);
  static void work_on(const std::shared_ptr<State>& state);

  std::shared_ptr<LoopDoor> door_;
  std::shared_ptr<State> state_;
};

}  // namespace host::dispatch
