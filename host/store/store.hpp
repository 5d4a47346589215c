// SPDX-License-Identifier: Apache-2.0
//
// The one door to durable state. An operation is a function on a Unit; the store runs the
// operations that have been asked for since the last commit in one transaction, in order, and
// answers them all when that transaction is on the disk (group commit).
//
//  * An operation that throws is undone and answered with its Error; the others of its group stand.
//  * A commit that fails answers nobody: it is rolled back and each operation is tried again alone.
//    So an operation may run more than once and must do nothing but write through its Unit and
//    overwrite its own results.
//  * A disk that is full, out of quota or failing, and a lock that another program doesn't let go,
//    make the store unwritable: what writes is answered with Error{unavailable} and not tried, what
//    only reads is served on, and the store tries by itself until a write succeeds.
//  * An fsync that fails, a damaged database, or a disk that keeps failing is fatal: nobody is
//    answered, the fatal handler is called, nothing is run any more. (A second fsync may report
//    success for pages that the kernel has dropped.) So is a database whose file was removed,
//    renamed or replaced.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/loop_door.hpp"
#include "base/result.hpp"
#include "store/unit.hpp"

namespace host {

// Whether what is asked for can be stored.
struct StoreHealth {
  bool writable = true;
  WallTime since{};    // of this state
  std::string reason;  // why not; empty while writable
};

struct StoreStats {
  std::uint64_t operations = 0;      // answered with success
  std::uint64_t failures = 0;        // answered with an Error
  std::uint64_t commits = 0;         // transactions made durable
  std::uint64_t failed_commits = 0;  // rolled back, then tried one by one
  std::uint64_t refused = 0;         // because the request queue was full
  std::size_t waiting = 0;           // asked for, not answered
  std::size_t largest_group = 0;     // operations
  Duration last_commit{};            // COMMIT alone, fsync included
  Duration longest_commit{};
  std::uint64_t wal_bytes = 0;  // size of the write-ahead log's file
  StoreHealth health;
  bool checking = false;  // the check after an unclean stop is still running
  bool failed = false;    // a fatal error ended the store
};

class Store {
 public:
  using Work = std::function<void(Unit&)>;
  struct Operation {
    Work work;
    Reply<Done> done;    // may be empty
    bool reads = false;  // writes nothing, and so is served by an unwritable store too
    // Where it is answered; empty: on the store's own loop. Once it is closed `done` is let go on
    // any thread, so it must hold nothing that has to end on its loop.
    std::shared_ptr<LoopDoor> door = nullptr;
    // May be answered a moment later (StoreOptions::patience at most), so that it shares the commit
    // of the next one that may not.
    bool patient = false;
  };

  virtual ~Store() = default;

  // Asks for operations, kept in this order and, if the queue takes them, in one group. Loop
  // thread; any other, too, where each has a door. Each `done` is called on its loop with success
  // when its operation is durable. When the request queue is full each is answered with
  // Error{rate_limited} and none runs.
  virtual void submit_all(std::vector<Operation> operations) = 0;

  void submit(Work work, Reply<Done> done) {
    std::vector<Operation> one;
    one.push_back({std::move(work), std::move(done)});
    submit_all(std::move(one));
  }

  // submit() for work that returns something: `done` gets what the last run of it returned.
  // `door` and `patient` as in Operation.
  template <class W, class R = std::invoke_result_t<W&, Unit&>,
            class V = std::conditional_t<std::is_void_v<R>, Done, R>>
  void run(W work, Reply<std::type_identity_t<V>> done, std::shared_ptr<LoopDoor> door = nullptr,
           bool patient = false) {
    auto slot = std::make_shared<std::optional<V>>();
    std::vector<Operation> one;
    one.push_back({into(std::move(work), slot),
                   [slot, done = std::move(done)](Status status) {
                     if (!done) return;
                     if (status) {
                       done(std::move(**slot));
                     } else {
                       done(status.error());
                     }
                   },
                   false, std::move(door), patient});
    submit_all(std::move(one));
  }

  // run() for work that writes nothing: an unwritable store serves it, too.
  template <class W, class R = std::invoke_result_t<W&, Unit&>>
  void read(W work, Reply<std::type_identity_t<R>> done) {
    auto slot = std::make_shared<std::optional<R>>();
    Operation one;
    one.work = into(std::move(work), slot);
    one.reads = true;
    one.done = [slot, done = std::move(done)](const Status& status) {
      if (!status.ok()) return done(status.error());
      done(std::move(**slot));
    };
    std::vector<Operation> all;
    all.push_back(std::move(one));
    submit_all(std::move(all));
  }

  // Runs the work and waits until it is durable. Throws its Error. Blocks the caller: only before
  // the loop runs, and in tests.
  template <class W>
  auto run_now(W work) {
    using R = std::invoke_result_t<W&, Unit&>;
    using V = std::conditional_t<std::is_void_v<R>, Done, R>;
    auto slot = std::make_shared<std::optional<V>>();
    run_blocking(into(std::move(work), slot));
    if constexpr (!std::is_void_v<R>) return std::move(**slot);
  }

  // Calls `then` on the loop once the file is known to be sound: at once after a clean stop, later
  // while a large file is still being checked; never if it is damaged. Loop thread.
  virtual void when_checked(std::function<void()> then) = 0;

  // Any thread.
  [[nodiscard]] virtual StoreStats stats() const = 0;

 protected:
  virtual void run_blocking(Work work) = 0;

 private:
  template <class W, class V>
  static Work into(W work, std::shared_ptr<std::optional<V>> slot) {
    // std::function copies, so move-only work lives on the heap.
    auto shared = std::make_shared<W>(std::move(work));
    return [shared, slot](Unit& unit) {
      if constexpr (std::is_void_v<std::invoke_result_t<W&, Unit&>>) {
        (*shared)(unit);
        slot->emplace();
      } else {
        slot->emplace((*shared)(unit));
      }
    };
  }
};

}  // namespace host
