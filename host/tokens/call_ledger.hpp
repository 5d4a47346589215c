// SPDX-License-Identifier: Apache-2.0
//
// What a call to a model needs of the ledger, on the caller's own loop: the meter has a thread of
// its own.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "tokens/hold.hpp"

namespace host {

class Ledger;

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

// Settles the hold, or drops it where the call used nothing.
inline void end_hold(CallLedger& ledger, HoldId hold, const std::optional<Settlement>& settlement,
                     Reply<Done> done) {
  if (!settlement) return ledger.drop(hold, std::move(done));
  ledger.settle(hold, *settlement, [done = std::move(done)](const Result<Charge>& charge) {
    done(charge.ok() ? Status(Done{}) : Status(charge.error()));
  });
}

// Takes calls to `ledger` on its loop, and replies back on the caller's; they may be the same. All
// three outlive it. Destroy it on the ledger's loop, when the caller's has stopped: what has not
// reached the ledger by then never does, and its holds are charged at the next start.
[[nodiscard]] std::unique_ptr<CallLedger> make_call_ledger(Ledger& ledger, Loop& ledgers,
                                                           Loop& callers);

}  // namespace host
