// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/unit.hpp"
#include "tokens/account_table.hpp"
#include "tokens/budget.hpp"
#include "tokens/hold.hpp"

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

// What is asked for besides.
struct StandingAsk {
  // Whose cap, if there is one: an issue or a run is not found by itself once nobody is at it.
  std::optional<std::pair<Dimension, std::string>> of;
  // So many issues at most that have reached their cap, by tokens used the greatest, of the first
  // 50,000 by name.
  int reached_issues = 0;
};

// Of each cap of the budget: over the names that it has, over the accounts of today, over the
// issues and runs that have a reservation, and over what is asked for. In the order of Dimension,
// then by name; whose cap was asked for and is none of these is the last. Store thread.
[[nodiscard]] std::vector<Standing> read_standings(Unit& unit, const LedgerTerms& terms,
                                                   const StandingAsk& ask = {});

// A cap of a run's own, and how it stands: its account is that of all who use tokens there.
struct OwnStanding {
  Spender spender;                 // the run
  std::optional<ModelName> model;  // the only one that it may ask for
  std::string what;  // "limits.tokens of the playbook fixer, 10000 for all attempts together"
  Standing standing;
};

// Of each own cap of these runs, in their order. A run whose reservation is over is left out, and a
// cap over its model where it may ask for several: which account that is over is known with a call.
// Store thread.
[[nodiscard]] std::vector<OwnStanding> read_own_standings(Unit& unit, const LedgerTerms& terms,
                                                          const std::vector<OpenRun>& runs);

}  // namespace host
