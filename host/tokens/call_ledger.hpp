// SPDX-License-Identifier: Apache-2.0
//
// What a call to a model needs of the ledger, on the caller's own loop: the meter has a thread of
// its own.
#pragma once

#include <memory>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "tokens/ledger.hpp"

namespace host {

// As Ledger's functions of the same names. Called on one loop, which replies come back on.
class CallLedger {
 public:
  virtual ~CallLedger() = default;
  virtual void reserve(ReserveAsk ask, Reply<ReservationId> done) = 0;
  virtual void hold(ReservationId reservation, HoldAsk ask, Reply<Hold> done) = 0;
  virtual void settle(HoldId hold, Settlement settlement, Reply<Charge> done) = 0;
  virtual void drop(HoldId hold, Reply<Done> done) = 0;
  virtual void release(ReservationId reservation, Reply<Done> done) = 0;
};

// Takes calls to `ledger` on its loop, and replies back on the caller's; they may be the same. All
// three outlive it. Destroy it on the ledger's loop, when the caller's has stopped: what has not
// reached the ledger by then never does, and its holds are charged at the next start.
[[nodiscard]] std::unique_ptr<CallLedger> make_call_ledger(Ledger& ledger, Loop& ledgers,
                                                           Loop& callers);

}  // namespace host
