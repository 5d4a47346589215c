// SPDX-License-Identifier: Apache-2.0
#include "tokens/account_table.hpp"

namespace host {

AccountKey account_key(std::int64_t day, Dimension dimension, std::string name) {
  return {renews(dimension) ? day : 0, dimension, std::move(name)};
}

std::string issue_account(std::string_view repo, std::int64_t issue) {
  return folded(repo) + "#" + std::to_string(issue);
}

std::vector<AccountKey> accounts_of(const Spender& spender, const std::optional<ModelName>& model,
                                    std::int64_t day) {
  std::vector<AccountKey> keys;
  const auto add = [&](Dimension dimension, std::string name) {
    keys.push_back(account_key(day, dimension, std::move(name)));
  };
  add(Dimension::day, "");
  if (!spender.pipeline.empty()) add(Dimension::pipeline, spender.pipeline);
  if (!spender.playbook.empty()) add(Dimension::playbook, spender.playbook);
  if (model) add(Dimension::model, model->text());
  if (!spender.repo.empty() && spender.issue > 0)
    add(Dimension::issue, issue_account(spender.repo, spender.issue));
  if (!spender.run.empty()) add(Dimension::run, spender.run);
  return keys;
}

bool is_used_up(const Cap& cap, const Account& account) {
  return (cap.tokens && account.settled >= *cap.tokens) ||
         (cap.cost && account.cost_settled >= *cap.cost);
}

Account read_account(Unit& unit, const AccountKey& key) {
  auto& row = unit.query(
      "SELECT settled, held, reserved, overrun, runs, calls, input, output, cache_read, "
      "cache_write, reasoning, cost_settled, cost_held FROM accounts "
      "WHERE day=? AND dimension=? AND name=?",
      key.day, name(key.dimension), key.name);
  Account account;
  if (!row.step()) return account;
  account.settled = Tokens(row.integer(0));
  account.held = Tokens(row.integer(1));
  account.reserved = Tokens(row.integer(2));
  account.overrun = Tokens(row.integer(3));
  account.runs = row.integer(4);
  account.calls = row.integer(5);
  account.used = {Tokens(row.integer(6)), Tokens(row.integer(7)), Tokens(row.integer(8)),
                  Tokens(row.integer(9)), Tokens(row.integer(10))};
  account.cost_settled = Cost(row.integer(11));
  account.cost_held = Cost(row.integer(12));
  row.reset();
  return account;
}

// Both sides are at most kMostTokens, so that the sum is whole before it is cut.
#define SUM(column) #column "=min(" #column "+excluded." #column ", 2000000000000000000)"

void add_to_account(Unit& unit, const AccountKey& key, const Account& more, WallTime now) {
  unit.run(
      "INSERT INTO accounts(day, dimension, name, settled, held, reserved, overrun, runs, calls, "
      "input, output, cache_read, cache_write, reasoning, cost_settled, cost_held, updated) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT DO UPDATE SET " SUM(settled) ", held=held+excluded.held, "
      "reserved=reserved+excluded.reserved, " SUM(overrun) ", runs=runs+excluded.runs, "
      "calls=calls+excluded.calls, " SUM(input) ", " SUM(output) ", " SUM(cache_read) ", "
      SUM(cache_write) ", " SUM(reasoning) ", " SUM(cost_settled) ", "
      "cost_held=cost_held+excluded.cost_held, updated=excluded.updated",
      key.day, name(key.dimension), key.name, more.used.total().count(), more.held.count(),
      more.reserved.count(), more.overrun.count(), more.runs, more.calls, more.used.input.count(),
      more.used.output.count(), more.used.cache_read.count(), more.used.cache_write.count(),
      more.used.reasoning.count(), more.cost_settled.nano_dollars(), more.cost_held.nano_dollars(),
      now);
}

#undef SUM

}  // namespace host
