// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the ledger: its rows, and the running totals beside them. Functions on a Unit,
// store thread; none writes. Each costs what it returns, however long the ledger is: rows are found
// by their id, run, job or issue, sums are read from `accounts`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/unit.hpp"
#include "tokens/ledger_table.hpp"

namespace host {

// A row, by its number.
struct LedgerEntry : LedgerRow {
  std::int64_t id = 0;
};

// Rows with ids above `after`, oldest first, at most `limit`.
[[nodiscard]] std::vector<LedgerEntry> rows_after(Unit& unit, std::int64_t after, int limit);
// The newest `limit` of a run ("12.3"), of all runs of a job, of an issue ("owner/name",
// however it is spelled: upper and lower case are the same to the forge); newest first.
[[nodiscard]] std::vector<LedgerEntry> rows_of_run(Unit& unit, std::string_view run, int limit);
[[nodiscard]] std::vector<LedgerEntry> rows_of_job(Unit& unit, JobId job, int limit);
[[nodiscard]] std::vector<LedgerEntry> rows_of_issue(Unit& unit, std::string_view repo,
                                                     std::int64_t issue, int limit);
// What tells this ledger's ids from those of another host: the store's own.
[[nodiscard]] std::string ledger_name(Unit& unit);

// What stands in one account, or in those of one name over several days.
struct AccountTotal {
  std::string name;
  TokenUsage usage;
  Tokens overrun;  // part of `usage`
  Tokens held;
  Tokens reserved;  // and not held
  std::int64_t runs = 0;
  std::int64_t calls = 0;
  Cost cost;
};
struct SpenderTotals {
  std::vector<AccountTotal> totals;
  // There are more in these days than were looked at.
  bool cut = false;
};
// Of days `from` to `to`, most tokens first, at most `limit`. For a dimension that renews. Looks at
// 50,000 accounts at most, those of the latest days, each of a name on one day.
[[nodiscard]] SpenderTotals totals_of_days(Unit& unit, Dimension dimension, std::int64_t from,
                                           std::int64_t to, int limit);
// nullopt: nothing was ever spent or reserved there. `day` is 0 for an issue and a run.
[[nodiscard]] std::optional<AccountTotal> find_account(Unit& unit, std::int64_t day,
                                                       Dimension dimension, std::string_view name);

// What all runs have taken whose names begin with `prefix`: used, held by their calls and reserved.
// REQUIRES: !prefix.empty()
[[nodiscard]] Tokens taken_by_runs(Unit& unit, std::string_view prefix);

// Issues or runs that spent since the day `from`, by all that each has ever spent, most first.
// Looks at the newest 20,000 calls at most.
[[nodiscard]] SpenderTotals top_spenders(Unit& unit, Dimension dimension, std::int64_t from,
                                         int limit);

}  // namespace host
