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

// By what ends it. Work of one kind never waits for work of another.
enum class WorkKind {
  brief,   // by itself, in seconds: the disk, git at home
  placed,  // a program, or git with the forge, for an item that has a place in its lane
  remote,  // git with the forge, for one that has none
  upkeep,  // nobody waits for it: housekeeping
};
inline constexpr std::size_t kWorkKinds = 4;

// How much of each kind at once, each on a thread of its own; more waits, in order.
struct WorkBounds {
  std::size_t brief = 16;
  // Lanes bound this, by their places: one lane's must not wait for another's. So this is only what
  // a host can bear.
  std::size_t placed = 1'024;
  std::size_t remote = 16;
  std::size_t upkeep = 1;
};

// Work of the dispatcher's that blocks: git, which may take minutes, and what waits for a cage.
class BlockingWork {
 public:
  explicit BlockingWork(Loop& loop, WorkBounds bounds = {});
  ~BlockingWork() { close(); }
  BlockingWork(const BlockingWork&) = delete;
  BlockingWork& operator=(const BlockingWork&) = delete;

  // What has not begun is not begun any more, and what is under way is waited for; nothing is
  // answered. Before what the work uses ends.
  void close();

  // Does it on another thread and answers on the loop, with what it returned or threw. Loop thread.
  template <class Work, class R = std::invoke_result_t<Work&>,
            class V = std::conditional_t<std::is_void_v<R>, Done, R>>
  void run(WorkKind kind, Work work, Reply<std::type_identity_t<V>> reply) {
    begin(kind, [door = door_, work = std::move(work), reply = std::move(reply)]() mutable {
      auto result = std::make_shared<Result<V>>(attempt(work));
      door->post([result, reply = std::move(reply)] { reply(std::move(*result)); });
    });
  }
  // The same, of what is brief.
  template <class Work, class R = std::invoke_result_t<Work&>,
            class V = std::conditional_t<std::is_void_v<R>, Done, R>>
  void run(Work work, Reply<std::type_identity_t<V>> reply) {
    run(WorkKind::brief, std::move(work), std::move(reply));
  }

 private:
  struct State;
  void begin(WorkKind kind, std::function<void()> work);
  static void work_on(const std::shared_ptr<State>& state, WorkKind kind);

  std::shared_ptr<LoopDoor> door_;
  std::shared_ptr<State> state_;
};

}  // namespace host::dispatch
