// SPDX-License-Identifier: Apache-2.0
//
// How holds and reservations end, and what tasks report. Store thread.
#pragma once

#include <vector>

#include "store/unit.hpp"
#include "tokens/hold_table.hpp"
#include "tokens/ledger_terms.hpp"

namespace host {

// Writes the row, and one more for what is above the hold, be it tokens or only money. Throws
// Error{conflict} where the hold is no longer open.
Charge settle_hold(Unit& unit, const LedgerTerms& terms, HoldId id, const Settlement& settlement,
                   LedgerNotes& notes);

// A call that was made without the host, inside this reservation: no cap refuses it. Throws
// Error{conflict} where the reservation is over, and {too_large} for more than a call can use.
Charge charge_used(Unit& unit, const LedgerTerms& terms, ReservationId reservation,
                   const Report& used, LedgerNotes& notes);

// Nothing was used of it. Throws Error{conflict} as settle_hold().
void drop_hold(Unit& unit, const LedgerTerms& terms, HoldId id);

// What is free goes back. Changes nothing where it is over.
void release_reservation(Unit& unit, const LedgerTerms& terms, ReservationId id);

// Charges what exceeds what was metered for this run, on this day; without one on that of its open
// reservation, else today. Not refused by any cap: it is used already.
void charge_reports(Unit& unit, const LedgerTerms& terms, const Spender& spender,
                    const std::vector<Report>& reports, std::optional<std::int64_t> told_day,
                    LedgerNotes& notes);

// Charges all open holds whole and releases all reservations.
struct Charged {
  int holds = 0;
  Tokens tokens;
};
[[nodiscard]] Charged charge_what_is_open(Unit& unit, const LedgerTerms& terms, LedgerNotes& notes);

}  // namespace host
