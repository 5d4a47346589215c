// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item_account.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tokens/ledger_reads.hpp"
#include "tokens/renamed_repo.hpp"

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

std::int64_t tokens_of_item(Unit& unit, ItemId item) {
  return taken_by_runs(unit, run_prefix(item)).count();
}

void follow_issue_accounts(Unit& unit, std::int64_t repository, const std::string& name,
                           WallTime now) {
  if (repository == 0) return;
  std::vector<IssueName> known;
  auto& row = unit.query(
      "SELECT DISTINCT repository, number FROM items WHERE repository_id=? AND repository<>?",
      repository, name);
  while (row.step()) known.push_back({row.string(0), row.integer(1)});
  for (const auto& issue : known) {
    std::vector<std::string> staying;
    auto& other = unit.query(
        "SELECT id FROM items WHERE repository=? AND number=? AND repository_id NOT IN (0, ?)",
        issue.repo, issue.number, repository);
    while (other.step()) staying.push_back(run_prefix(ItemId(other.integer(0))));
    rename_issue_account(unit, issue, name, staying, now);
  }
}

std::vector<OwnCap> caps_of_run(const Playbook& playbook, const Lane& lane,
                                std::int64_t tokens_left) {
  std::vector<OwnCap> caps;
  caps.push_back({Dimension::run, Tokens(std::max<std::int64_t>(tokens_left, 0)),
                  fmt::format("limits.tokens of the playbook {}, {} for all attempts together,",
                              playbook.name, playbook.limits.tokens),
                  "Raise limits.tokens in the playbook."});
  const auto& [pipeline, day, run] = lane.budget;
  if (run)
    caps.push_back({Dimension::run, Tokens(*run),
                    fmt::format("tokens_per_run of the lane {}, {},", lane.name, *run),
                    "Raise tokens_per_run in agent-lanes.json."});
  if (day)
    caps.push_back({Dimension::pipeline, Tokens(*day),
                    fmt::format("tokens_per_day of the lane {}, {},", lane.name, *day),
                    "Wait for the next day, or raise tokens_per_day in agent-lanes.json."});
  return caps;
}

std::string pipeline_of(const Lane& lane) {
  return lane.budget.pipeline.empty() ? lane.name : lane.budget.pipeline;
}

std::int64_t tokens_of_day(Unit& unit, const Lane& lane, std::int64_t day) {
  const auto sum = find_account(unit, day, Dimension::pipeline, pipeline_of(lane));
  return sum ? sum->usage.total().count() : 0;
}

}  // namespace host::dispatch
