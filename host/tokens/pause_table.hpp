// SPDX-License-Identifier: Apache-2.0
//
// The SQL of pauses: pipelines none of whose tasks starts until a cap begins anew. Store thread.
#pragma once

#include <map>
#include <string>

#include "store/unit.hpp"
#include "tokens/account_table.hpp"
#include "tokens/ledger_terms.hpp"

namespace host {

// Pauses the pipeline until the account begins anew, where its cap says so, that is still to come,
// no longer pause stands, and the terms are of the present budget; then it is in the notes. Whoever
// asks next goes by the new one. `what` of the cap: cap_text().
void pause_pipeline(Unit& unit, const LedgerTerms& terms, const std::string& pipeline,
                    const AccountKey& key, const std::string& what, LedgerNotes& notes);

[[nodiscard]] std::map<std::string, PipelinePause> read_pauses_of_pipelines(Unit& unit);

// Ends those whose cap is another one now, unless that pauses and is used up as well.
void end_pauses_that_changed(Unit& unit, const Budget& before, const Budget& after,
                             std::int64_t today);

}  // namespace host
