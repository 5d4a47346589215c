// SPDX-License-Identifier: Apache-2.0
//
// What the ledger finds in the store at its start. Private to the ledger.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "store/unit.hpp"
#include "tokens/day.hpp"
#include "tokens/hold.hpp"
#include "tokens/ledger_terms.hpp"
#include "tokens/settling.hpp"

namespace host {

struct LedgerStart {
  DayAnchor anchor;
  std::optional<Budget> budget;
  std::string budget_fault;  // why the kept one is of no use; empty where it is, or there is none
  std::int64_t budget_generation = 0;
  Charged charged;  // what was open
  std::map<std::string, PipelinePause> pauses;
};

// Charges what the host before left open, by the kept budget and on the days it was reserved on.
// `terms` are those of a ledger without a budget. Store thread.
[[nodiscard]] LedgerStart start_ledger(Unit& unit, const Clock& clock, const std::string& boot,
                                       LedgerTerms terms);

}  // namespace host
