// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger_reads.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "tokens/account_table.hpp"
#include "tokens/renamed_repo.hpp"

namespace host {
namespace {

// What lists of the greatest spenders look at: some tens of milliseconds.
constexpr int kCallsLooked = 20'000;
constexpr int kAccountsLooked = 50'000;

#define LEDGER_COLUMNS                                                                   \
  "id, at, day, host, plugin, task, pipeline, playbook, job, attempt, run, repo, issue," \
  " provider, model, input, output, cache_read, cache_write, reasoning, cost, source, bypassable"

LedgerEntry row_of(const Statement& row) {
  LedgerEntry read;
  read.id = row.integer(0);
  read.at = row.time(1);
  read.day = row.integer(2);
  read.host = row.string(3);
  read.spender = {.plugin = row.string(4),
                  .task = row.string(5),
                  .pipeline = row.string(6),
                  .playbook = row.string(7),
                  .attempt = static_cast<int>(row.integer(9)),
                  .run = row.string(10),
                  .repo = row.string(11),
                  .issue = row.integer(12)};
  if (!row.is_null(8)) read.spender.job = JobId(row.integer(8));
  read.model = {row.string(13), row.string(14)};
  read.usage = {.input = Tokens(row.integer(15)),
                .output = Tokens(row.integer(16)),
                .cache_read = Tokens(row.integer(17)),
                .cache_write = Tokens(row.integer(18)),
                .reasoning = Tokens(row.integer(19))};
  if (!row.is_null(20)) read.cost = Cost(row.integer(20));
  read.source = parse_usage_source(row.text(21));
  read.bypassable = row.integer(22) != 0;
  return read;
}

std::vector<LedgerEntry> all_of(Statement& select) {
  std::vector<LedgerEntry> rows;
  while (select.step()) rows.push_back(row_of(select));
  return rows;
}

#define ACCOUNT_COLUMNS                                                                            \
  "name, input, output, cache_read, cache_write, reasoning, overrun, held, reserved, runs, calls," \
  " cost_settled"

AccountTotal total_of(const Statement& row) {
  const auto tokens = [&row](int column) { return Tokens(row.integer(column)); };
  return {.name = row.string(0),
          .usage = {.input = tokens(1),
                    .output = tokens(2),
                    .cache_read = tokens(3),
                    .cache_write = tokens(4),
                    .reasoning = tokens(5)},
          .overrun = tokens(6),
          .held = tokens(7),
          .reserved = tokens(8),
          .runs = row.integer(9),
          .calls = row.integer(10),
          .cost = Cost(row.integer(11))};
}

void add(AccountTotal& sum, const AccountTotal& more) {
  sum.usage += more.usage;
  sum.overrun += more.overrun;
  sum.held += more.held;
  sum.reserved += more.reserved;
  sum.runs += more.runs;
  sum.calls += more.calls;
  sum.cost += more.cost;
}

// Most tokens first.
void keep_greatest(std::vector<AccountTotal>& totals, int limit) {
  std::stable_sort(totals.begin(), totals.end(),
                   [](const auto& a, const auto& b) { return a.usage.total() > b.usage.total(); });
  if (std::ssize(totals) > limit) totals.resize(static_cast<std::size_t>(limit));
}

}  // namespace

std::vector<LedgerEntry> rows_after(Unit& unit, std::int64_t after, int limit) {
  return all_of(unit.query("SELECT " LEDGER_COLUMNS " FROM ledger WHERE id > ? ORDER BY id LIMIT ?",
                           after, limit));
}

// The conditions of the partial indexes stand in the queries, or they would not be used.
std::vector<LedgerEntry> rows_of_run(Unit& unit, std::string_view run, int limit) {
  return all_of(unit.query("SELECT " LEDGER_COLUMNS
                           " FROM ledger WHERE run = ? AND run <> '' ORDER BY id DESC LIMIT ?",
                           run, limit));
}

std::vector<LedgerEntry> rows_of_job(Unit& unit, JobId job, int limit) {
  // Every run of job 12 is "12.LEASE", and '/' comes after '.'.
  const auto number = std::to_string(job.value());
  return all_of(
      unit.query("SELECT " LEDGER_COLUMNS
                 " FROM ledger WHERE run > ? AND run < ? AND run <> '' ORDER BY id DESC LIMIT ?",
                 number + ".", number + "/", limit));
}

std::vector<LedgerEntry> rows_of_issue(Unit& unit, std::string_view repo, std::int64_t issue,
                                       int limit) {
  return all_of(unit.query("SELECT " LEDGER_COLUMNS
                           " FROM ledger WHERE repo = ? COLLATE NOCASE AND issue = ? AND repo <> ''"
                           " ORDER BY id DESC LIMIT ?",
                           repo, issue, limit));
}

std::string ledger_name(Unit& unit) {
  auto& row = unit.query("SELECT value FROM settings WHERE key = 'store_id'");
  if (!row.step()) throw Error(Code::corrupt, "the database has no store_id");
  return row.string(0);
}

SpenderTotals totals_of_days(Unit& unit, Dimension dimension, std::int64_t from, std::int64_t to,
                             int limit) {
  SpenderTotals top;
  std::map<std::string, AccountTotal> sums;
  int looked = 0;
  // Each day is a range of the key.
  for (auto day = to; day >= from && !top.cut; --day) {
    auto& select = unit.query("SELECT " ACCOUNT_COLUMNS
                              " FROM accounts WHERE day = ? AND dimension = ? LIMIT ?",
                              day, name(dimension), kAccountsLooked - looked + 1);
    while (!top.cut && select.step()) {
      const auto account = total_of(select);
      top.cut = ++looked > kAccountsLooked;
      if (top.cut) continue;
      const auto [sum, first] = sums.try_emplace(account.name, account);
      if (!first) add(sum->second, account);
    }
    select.reset();
  }
  for (auto& [name, sum] : sums) top.totals.push_back(std::move(sum));
  keep_greatest(top.totals, limit);
  return top;
}

std::optional<AccountTotal> find_account(Unit& unit, std::int64_t day, Dimension dimension,
                                         std::string_view name) {
  auto& row = unit.query("SELECT " ACCOUNT_COLUMNS
                         " FROM accounts WHERE day = ? AND dimension = ? AND name = ?",
                         day, host::name(dimension), name);
  return row.step() ? std::optional(total_of(row)) : std::nullopt;
}

Tokens taken_by_runs(Unit& unit, std::string_view prefix) {
  std::string behind(prefix);
  ++behind.back();
  auto& row = unit.query(
      "SELECT coalesce(sum(settled + held + reserved), 0) FROM accounts WHERE day = 0 AND "
      "dimension = ? AND name >= ? AND name < ?",
      name(Dimension::run), prefix, behind);
  const Tokens taken(row.step() ? row.integer(0) : 0);
  row.reset();
  return taken;
}

SpenderTotals top_spenders(Unit& unit, Dimension dimension, std::int64_t from, int limit) {
  std::set<std::string> names;
  std::map<std::string, std::string> now;  // of the repository that a row names
  int looked = 0;
  const bool runs = dimension == Dimension::run;
  auto& newest =
      unit.query("SELECT day, run, repo, issue FROM ledger ORDER BY id DESC LIMIT ?", kCallsLooked);
  SpenderTotals top;
  while (newest.step()) {
    ++looked;
    // A row's day is that of its reservation, so days are not quite in the order of ids.
    if (newest.integer(0) < from - 1) break;
    top.cut = looked == kCallsLooked;
    if (newest.integer(0) < from) continue;
    if (runs && !newest.text(1).empty()) names.insert(newest.string(1));
    if (runs || newest.integer(3) <= 0) continue;
    const auto [repo, first] = now.try_emplace(newest.string(2));
    if (first) repo->second = repo_for_accounts(unit, repo->first);
    names.insert(issue_account(repo->second, newest.integer(3)));
  }
  for (const auto& name : names)
    if (auto account = find_account(unit, 0, dimension, name))
      top.totals.push_back(std::move(*account));
  keep_greatest(top.totals, limit);
  return top;
}

}  // namespace host
