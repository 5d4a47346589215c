// SPDX-License-Identifier: Apache-2.0
//
// Where calls of other threads ask the ledger, without a turn of the host's loop in between. What a
// call gets is decided on the store's thread, in a unit of work, by the terms that the loop has
// published here; the loop alone changes these, once the store has acknowledged it, and is told
// what a decision leads to besides its answer. Which day it is decides the loop, too: the first
// that is asked on a day has to go over it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/loop_door.hpp"
#include "base/result.hpp"
#include "store/store.hpp"
#include "tokens/day.hpp"
#include "tokens/hold.hpp"
#include "tokens/ledger_terms.hpp"

namespace host {

// Whether the store may take the same operation later.
[[nodiscard]] bool is_store_busy(const Error& error);
// For whoever asks for tokens {rate_limited} is a cap's word.
[[nodiscard]] Error as_unavailable(const Error& error);

class LedgerDesk {
 public:
  // What is to be told to the ledger's loop: a decision's notes, and whether rows were added.
  // Called on any thread.
  using Tell = std::function<void(LedgerNotes notes, bool rows)>;

  // Closed. The first two outlive what is asked here.
  LedgerDesk(Store& store, const Clock& clock, std::string host_name, Tell tell);

  // Ledger's loop. `day`: the one that the store knows of.
  void open(std::shared_ptr<const Budget> budget, std::int64_t generation, const DayClock& clock,
            std::int64_t day);
  // Without a budget, before anything is known, and from before a change of the terms reaches the
  // store until it is answered: what was asked has reached the store when this returns, and so
  // nothing by the old terms comes behind the change.
  void close();

  // Any thread. As Ledger's functions of the same names, answered at `door`; but {unavailable} and
  // {io} of the last two are not tried again, and these two are patient: a call's end shares the
  // commit of the next call's hold. Few wait for one, a run's ninth call at once and its closing,
  // and these some 2 ms longer at most. False: not asked, it has to go over the loop.
  [[nodiscard]] bool hold(const std::shared_ptr<LoopDoor>& door, ReservationId reservation,
                          const HoldAsk& ask, const Reply<Hold>& done);
  [[nodiscard]] bool settle(const std::shared_ptr<LoopDoor>& door, HoldId hold,
                            const Settlement& settlement, const Reply<Charge>& done);
  [[nodiscard]] bool drop(const std::shared_ptr<LoopDoor>& door, HoldId hold,
                          const Reply<Done>& done);

 private:
  template <class T, class Work>
  [[nodiscard]] bool ask(const std::shared_ptr<LoopDoor>& door, Work work, Reply<Granted<T>> done,
                         bool patient = false);

  Store& store_;
  const Clock& clock_;
  const std::string host_name_;
  const Tell tell_;
  std::mutex mutex_;                      // held until the store has what is asked, see close()
  std::shared_ptr<const Budget> budget_;  // empty: closed
  std::int64_t generation_ = 0;
  std::optional<DayClock> day_clock_;
  std::int64_t day_ = 0;
};

}  // namespace host
