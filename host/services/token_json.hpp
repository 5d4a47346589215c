// SPDX-License-Identifier: Apache-2.0
//
// The account of tokens as tokens/1 and the admin API tell it; docs/admin-api.md has the forms.
#pragma once

#include "base/json.hpp"
#include "tokens/budget_view.hpp"
#include "tokens/hold.hpp"
#include "tokens/ledger_reads.hpp"
#include "tokens/usage_import.hpp"

namespace host {

// The keys of token_usage.jsonl; `ledger` is ledger_name()'s.
[[nodiscard]] Json row_json(const LedgerEntry& row, std::string_view ledger);
[[nodiscard]] Json total_json(const AccountTotal& total);
[[nodiscard]] Json totals_json(const std::vector<AccountTotal>& totals);
[[nodiscard]] Json standing_json(const Standing& standing);
[[nodiscard]] Json own_standings_json(const std::vector<OwnStanding>& standings);
[[nodiscard]] Json pauses_json(const std::map<std::string, PipelinePause>& pauses);
[[nodiscard]] Json explanation_json(const Explanation& explanation);
[[nodiscard]] Json import_json(const ImportReport& report);

}  // namespace host
