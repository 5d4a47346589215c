// SPDX-License-Identifier: Apache-2.0
#include "tokens/renamed_repo.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "tokens/account_table.hpp"
#include "tokens/hold_table.hpp"

namespace host {
namespace {

// In the store's settings; the value is the new name.
std::string key_of(std::string_view old_name) { return "token_repo_now:" + folded(old_name); }

constexpr std::array kTokenSums{&Account::held, &Account::reserved, &Account::overrun};
constexpr std::array kUsedSums{&TokenUsage::input, &TokenUsage::output, &TokenUsage::cache_read,
                               &TokenUsage::cache_write, &TokenUsage::reasoning};
constexpr std::array kCostSums{&Account::cost_settled, &Account::cost_held};
constexpr std::array kCounts{&Account::runs, &Account::calls};

// `op` of each figure but `settled`, which follows `used`.
template <class Op>
Account each_of(const Account& a, const Account& b, Op op) {
  Account result;
  for (const auto sum : kTokenSums) result.*sum = op(a.*sum, b.*sum);
  for (const auto sum : kUsedSums) result.used.*sum = op(a.used.*sum, b.used.*sum);
  for (const auto sum : kCostSums) result.*sum = op(a.*sum, b.*sum);
  for (const auto count : kCounts) result.*count = op(a.*count, b.*count);
  return result;
}

Account sum_of(const Account& a, const Account& b) {
  return each_of(a, b, [](auto x, auto y) { return x + y; });
}

// As much of `a` as is not in `b`.
Account rest_of(const Account& a, const Account& b) {
  return each_of(a, b, [](auto x, auto y) { return x - std::min(x, y); });
}

// Names of accounts that never begin anew.
std::vector<std::string> names_from(Unit& unit, Dimension dimension, const std::string& prefix) {
  auto end = prefix;
  ++end.back();
  std::vector<std::string> names;
  auto& row =
      unit.query("SELECT name FROM accounts WHERE day=0 AND dimension=? AND name>=? AND name<?",
                 name(dimension), prefix, end);
  while (row.step()) names.push_back(row.string(0));
  return names;
}

bool begins_with_one_of(const std::string& run, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&run](const auto& prefix) { return run.starts_with(prefix); });
}

Account account_of_runs(Unit& unit, const std::vector<std::string>& prefixes) {
  Account sum;
  for (const auto& prefix : prefixes)
    for (const auto& run : names_from(unit, Dimension::run, prefix))
      sum = sum_of(sum, read_account(unit, account_key(0, Dimension::run, run)));
  return sum;
}

void erase_account(Unit& unit, const AccountKey& key) {
  unit.run("DELETE FROM accounts WHERE day=? AND dimension=? AND name=?", key.day,
           name(key.dimension), key.name);
}

void move_account(Unit& unit, const IssueName& from, std::string_view to,
                  const std::vector<std::string>& staying, WallTime now) {
  const auto before = account_key(0, Dimension::issue, issue_account(from.repo, from.number));
  const auto all = read_account(unit, before);
  if (all == Account()) return erase_account(unit, before);
  const auto moved = rest_of(all, account_of_runs(unit, staying));
  if (moved == Account()) return;
  erase_account(unit, before);
  if (const auto left = rest_of(all, moved); left != Account())
    add_to_account(unit, before, left, now);
  add_to_account(unit, account_key(0, Dimension::issue, issue_account(to, from.number)), moved,
                 now);
}

// 0: none is in it.
std::int64_t number_in(std::string_view account) {
  std::int64_t number = 0;
  const auto text = account.substr(account.rfind('#') + 1);
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc{} && end == text.data() + text.size() ? number : 0;
}

// Of issues of the repository that have an account, or a reservation that has put nothing there
// yet.
std::set<std::int64_t> issues_of(Unit& unit, std::string_view repo) {
  std::set<std::int64_t> numbers;
  for (const auto& account : names_from(unit, Dimension::issue, folded(repo) + "#"))
    if (const auto number = number_in(account); number > 0) numbers.insert(number);
  for (const auto& reservation : open_reservations(unit))
    if (reservation.spender.issue > 0 && folded(reservation.spender.repo) == folded(repo))
      numbers.insert(reservation.spender.issue);
  return numbers;
}

}  // namespace

void rename_issue_account(Unit& unit, const IssueName& from, std::string_view to,
                          const std::vector<std::string>& staying, WallTime now) {
  if (folded(from.repo) == folded(to)) return;
  for (const auto& reservation : open_reservations(unit)) {
    const auto& who = reservation.spender;
    if (who.issue == from.number && folded(who.repo) == folded(from.repo) &&
        !begins_with_one_of(who.run, staying))
      set_repo(unit, reservation.id, to);
  }
  move_account(unit, from, to, staying, now);
}

void rename_issue_accounts(Unit& unit, std::string_view from, std::string_view to, WallTime now) {
  if (folded(from) == folded(to)) return;
  for (const auto number : issues_of(unit, from))
    rename_issue_account(unit, {std::string(from), number}, to, {}, now);
  // Each call that is sent on tells of it.
  if (repo_for_accounts(unit, std::string(from)) == to) return;
  take_repo_name(unit, to);
  // Who named one that became `from` is sent on twice.
  unit.run(
      "UPDATE settings SET value=?2 WHERE key>='token_repo_now:' AND key<'token_repo_now;' AND "
      "lower(value)=lower(?1)",
      from, to);
  unit.run(
      "INSERT INTO settings(key, value) VALUES(?, ?) "
      "ON CONFLICT DO UPDATE SET value=excluded.value",
      key_of(from), to);
}

void take_repo_name(Unit& unit, std::string_view name) {
  unit.run("DELETE FROM settings WHERE key=?", key_of(name));
}

std::string issue_account_now(Unit& unit, std::string_view account) {
  const auto hash = account.rfind('#');
  if (hash == std::string_view::npos) return std::string(account);
  return folded(repo_for_accounts(unit, std::string(account.substr(0, hash)))) +
         std::string(account.substr(hash));
}

std::string repo_for_accounts(Unit& unit, const std::string& repo) {
  if (repo.empty()) return repo;
  auto& row = unit.query("SELECT value FROM settings WHERE key=?", key_of(repo));
  if (!row.step()) return repo;
  auto now = row.string(0);
  row.reset();
  return now;
}

}  // namespace host
