// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tokens/day.hpp"
#include "tokens/hold.hpp"

namespace host {

// What a unit of work of the ledger goes by: taken on the loop, used on the store's thread.
struct LedgerTerms {
  std::shared_ptr<const Budget> budget;  // never empty; without caps where there is no budget
  BudgetZone zone;
  std::string host;
  std::int64_t today = 0;
  WallTime now;                 // of the day's clock
  WallTime wall;                // for rows
  std::int64_t generation = 0;  // of the budget
};

// What a unit of work leads to besides its answer.
struct LedgerNotes {
  std::optional<PipelinePause> pause;
  std::vector<std::string> warnings;
  [[nodiscard]] bool any() const { return pause || !warnings.empty(); }
};

// Granted, or refused by a cap, which is no error of the unit of work: the pause that it causes is
// to be kept.
template <class T>
struct Granted {
  std::optional<T> value;  // or:
  std::optional<BudgetRefusal> refusal;
  LedgerNotes notes;
};

}  // namespace host
