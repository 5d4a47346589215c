// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dispatch/item.hpp"
#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"
#include "dispatch/verify.hpp"
#include "store/unit.hpp"
#include "tokens/hold.hpp"

namespace host::dispatch {

// What the ledger has of runs.
struct ItemAccount {
  std::int64_t tokens = 0;
  std::int64_t calls = 0;
  bool whole = true;              // false: some calls did not say, and were charged what was held
  std::vector<UsedModel> models;  // that their calls went to, each once
};

// Of one run, and of all of an item's. Store thread.
[[nodiscard]] ItemAccount account_of_run(Unit& unit, const std::string& run);
[[nodiscard]] ItemAccount account_of_item(Unit& unit, const Item& item);
// What limits.tokens bounds: all that the item's runs have taken since it was dispatched, retries
// and calls under way included. Store thread.
[[nodiscard]] std::int64_t tokens_of_item(Unit& unit, ItemId item);

// What the ledger has of the issues that are known by an item of the repository with this id goes
// with it to its name now, but for what runs took that are about another repository's issue of the
// old name. Before follow_repository(), in one unit of work. With id 0 nothing is done. Store
// thread.
void follow_issue_accounts(Unit& unit, std::int64_t repository, const std::string& name,
                           WallTime now);

// What holds a run of the item besides token_budget.json, before anything is spent: what is left of
// the playbook's limits.tokens, `tokens_left`, and the lane's budget.
[[nodiscard]] std::vector<OwnCap> caps_of_run(const Playbook& playbook, const Lane& lane,
                                              std::int64_t tokens_left);

// The pipeline that a lane's runs count for.
[[nodiscard]] std::string pipeline_of(const Lane& lane);
// What it has used on that day. Store thread.
[[nodiscard]] std::int64_t tokens_of_day(Unit& unit, const Lane& lane, std::int64_t day);

}  // namespace host::dispatch
