// SPDX-License-Identifier: Apache-2.0
//
// How caps are spoken of.
#pragma once

#include <string>
#include <vector>

#include "tokens/account_table.hpp"
#include "tokens/ledger_terms.hpp"

namespace host {

// What of a cap is in the way.
enum class Measure { tokens, runs, cost };

// A cap over an account, and what was asked of it.
struct Shortage {
  AccountKey key;
  Cap cap;
  Measure measure = Measure::tokens;
  std::int64_t left = 0;        // tokens, runs or nanodollars; negative above the cap
  std::int64_t asked = 0;       // the same; as few as would have done
  std::int64_t held = 0;        // the same, of what is not left: comes back with what is not used
  std::int64_t reserved = 0;    // by runs under way, and not held
  const OwnCap* own = nullptr;  // whose `cap` is; null: the budget's
};

// A cap of a run's own as one of the budget's. Nobody is warned near its end.
[[nodiscard]] Cap cap_of(const OwnCap& own);

// "the cap of 500000 tokens on pipeline \"nightly\" each day"
[[nodiscard]] std::string cap_text(const Cap& cap, Measure measure, const AccountKey& key);

// When the account's cap begins anew.
[[nodiscard]] std::optional<WallTime> reset_of(const AccountKey& key, const BudgetZone& zone);

// "pipeline nightly pauses until 2026-11-24T00:00:00Z: the cap of ..."
[[nodiscard]] std::string pause_text(const PipelinePause& pause);

// Whether waiting for the reset helps: it begins anew, and what is asked for fits into the whole
// cap.
[[nodiscard]] bool helps_to_wait(const Shortage& shortage);

// Whether the cap has room for what is asked once calls and runs under way have ended, if they used
// nothing. It isn't reached then, and nothing may wait for its reset.
[[nodiscard]] bool is_only_held(const Shortage& shortage);

// Of what is short, that which stands in the way longest; of several, the tightest. REQUIRES:
// !shortages.empty()
[[nodiscard]] BudgetRefusal refusal_of(const std::vector<Shortage>& shortages,
                                       const LedgerTerms& terms);

// What is to be logged where an account went from `before` to `after`.
void warn_of(const AccountKey& key, const Cap& cap, const Account& before, const Account& after,
             LedgerNotes& notes);

}  // namespace host
