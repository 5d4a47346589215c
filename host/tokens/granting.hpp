// SPDX-License-Identifier: Apache-2.0
//
// Whether tokens are to be had: the only code that gives any out. Store thread; each function is
// whole in one unit of work, and so are check and change.
#pragma once

#include "store/unit.hpp"
#include "tokens/account_table.hpp"
#include "tokens/hold_table.hpp"
#include "tokens/ledger_terms.hpp"

namespace host {

// Throws Error{invalid} or {too_large} for an ask that makes no sense; {invalid} also where a cost
// is capped and the model that is named has no price.
[[nodiscard]] Granted<ReservationId> grant_reservation(Unit& unit, const LedgerTerms& terms,
                                                       const ReserveAsk& ask);

// Also Error{conflict} where the reservation is over, and {invalid} where a cost is capped and the
// model has no price.
[[nodiscard]] Granted<Hold> grant_hold(Unit& unit, const LedgerTerms& terms,
                                       ReservationId reservation, const HoldAsk& ask);

// Of a call that has been made already: no cap refuses it, and it holds as much as there is left,
// which may be nothing. Throws as grant_hold(), but for a price.
[[nodiscard]] Hold hold_used(Unit& unit, const LedgerTerms& terms, ReservationId reservation,
                             const ModelName& model, Tokens used);

// An account that a hold or its reservation touches.
struct Touched {
  AccountKey key;
  bool reserved = false;  // what is free of the reservation is reserved here
  bool held = false;      // what is held is held here
};
[[nodiscard]] std::vector<Touched> touched_by(const OpenReservation& reservation,
                                              const ModelName& model);

}  // namespace host
