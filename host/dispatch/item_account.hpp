// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dispatch/item.hpp"
#include "dispatch/lanes.hpp"
#include "dispatch/verify.hpp"
#include "store/unit.hpp"

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

// The pipeline that a lane's runs count for.
[[nodiscard]] std::string pipeline_of(const Lane& lane);
// What it has used on that day. Store thread.
[[nodiscard]] std::int64_t tokens_of_day(Unit& unit, const Lane& lane, std::int64_t day);

}  // namespace host::dispatch
