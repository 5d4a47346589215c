// SPDX-License-Identifier: Apache-2.0
//
// What the ledger keeps in the store's settings. Store thread.
#pragma once

#include <cstdint>
#include <optional>

#include "store/unit.hpp"
#include "tokens/budget.hpp"
#include "tokens/day.hpp"

namespace host {

// The last good caps. Throws Error{invalid} where they can't be read any more.
[[nodiscard]] std::optional<Budget> read_kept_budget(Unit& unit);
void keep_budget(Unit& unit, const Budget& budget);
void forget_budget(Unit& unit);

// See Ledger::budget_generation. 0 where none has begun.
[[nodiscard]] std::int64_t read_budget_generation(Unit& unit);
std::int64_t begin_budget_generation(Unit& unit);

[[nodiscard]] std::optional<DayAnchor> read_kept_anchor(Unit& unit);
void keep_anchor(Unit& unit, const DayAnchor& anchor);

}  // namespace host
