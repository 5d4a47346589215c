// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item_account.hpp"

#include <algorithm>

#include "tokens/ledger_reads.hpp"

namespace host::dispatch {
namespace {

// The newest of a run; its sum is that of all.
constexpr int kRowsLookedAt = 1'000;

void add_rows(Unit& unit, const std::string& run, ItemAccount& account) {
  for (const auto& row : rows_of_run(unit, run, kRowsLookedAt)) {
    account.whole = account.whole && row.source != UsageSource::hold;
    UsedModel used{row.model.provider, row.model.model};
    if (std::find(account.models.begin(), account.models.end(), used) == account.models.end())
      account.models.push_back(std::move(used));
  }
  if (const auto sum = find_account(unit, 0, Dimension::run, run)) {
    account.tokens += sum->usage.total().count();
    account.calls += sum->calls;
  }
}

}  // namespace

ItemAccount account_of_run(Unit& unit, const std::string& run) {
  ItemAccount account;
  add_rows(unit, run, account);
  return account;
}

ItemAccount account_of_item(Unit& unit, const Item& item) {
  ItemAccount account;
  for (int run = 1; run <= item.runs; ++run) add_rows(unit, run_name(item.id, run), account);
  return account;
}

std::string pipeline_of(const Lane& lane) {
  return lane.budget.pipeline.empty() ? lane.name : lane.budget.pipeline;
}

std::int64_t tokens_of_day(Unit& unit, const Lane& lane, std::int64_t day) {
  const auto sum = find_account(unit, day, Dimension::pipeline, pipeline_of(lane));
  return sum ? sum->usage.total().count() : 0;
}

}  // namespace host::dispatch
