// SPDX-License-Identifier: Apache-2.0
//
// Items that wait for a cap to begin anew. The one rule: an item that was refused by other caps
// than those in force now waits no longer. What it was refused by is noted with the wait, in the
// evidence of its visit to the gate, so that a host that is started anew knows it, too.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.hpp"
#include "dispatch/item.hpp"
#include "dispatch/lanes.hpp"
#include "store/unit.hpp"

namespace host::dispatch {

// What caps there are for a run of the lane, to be compared with what there is later: the budget's
// generation (Ledger::budget_generation()) and the lane's tokens_per_day. Never empty. `lane`: null
// where there is none.
[[nodiscard]] std::string caps_in_force(std::int64_t generation, const Lane* lane);

// Evidence that says what caps are waited for.
void note_cap_wait(Json& evidence, const std::string& caps);
// What was noted of the wait that the item is in; empty: it waits for no cap. Store thread.
[[nodiscard]] std::string noted_cap_wait(Unit& unit, const Item& item);

}  // namespace host::dispatch
