// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/unit.hpp"
#include "tokens/account_table.hpp"
#include "tokens/budget.hpp"

namespace host {

struct LedgerTerms;

// A cap, and how it stands.
struct Standing {
  Dimension dimension = Dimension::day;
  std::string name;
  Cap cap;
  Tokens settled, held, reserved;  // reserved: and not held
  std::int64_t runs = 0;
  Cost cost_settled, cost_held;
  Tokens overrun;
  std::optional<WallTime> reset;
  // Of the cap's tokens; 0 at least, kMostTokens where it has none.
  [[nodiscard]] Tokens left() const;
  // As much is used for good as the cap allows, of any of the three.
  [[nodiscard]] bool reached() const;
  // As much as it warns at.
  [[nodiscard]] bool warned() const;
};

// Of each cap of the budget: over the names that it has, over the accounts of today, and over the
// issues and runs that have a reservation. In the order of Dimension, then by name. Store thread.
[[nodiscard]] std::vector<Standing> read_standings(Unit& unit, const LedgerTerms& terms);

}  // namespace host
