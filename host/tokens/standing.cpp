// SPDX-License-Identifier: Apache-2.0
#include "tokens/standing.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "tokens/hold_table.hpp"
#include "tokens/ledger_terms.hpp"
#include "tokens/refusal.hpp"
#include "tokens/renamed_repo.hpp"

namespace host {
namespace {

constexpr std::int64_t kIssuesLooked = 50'000;

// Whether a share of any of the cap's numbers is used.
bool uses(const Standing& standing, double share) {
  const auto at = [share](auto used, auto most) {
    return static_cast<double>(used) >= share * static_cast<double>(most);
  };
  const auto& cap = standing.cap;
  return (cap.tokens && at(standing.settled.count(), cap.tokens->count())) ||
         (cap.runs && at(standing.runs, *cap.runs)) ||
         (cap.cost && at(standing.cost_settled.nano_dollars(), cap.cost->nano_dollars()));
}

// What there are accounts of today, and what is being worked on.
std::set<std::pair<Dimension, std::string>> names_at_work(Unit& unit, const LedgerTerms& terms) {
  std::set<std::pair<Dimension, std::string>> names;
  auto& row = unit.query(
      "SELECT dimension, name FROM accounts WHERE day=? AND dimension IN "
      "('pipeline', 'playbook', 'model')",
      terms.today);
  while (row.step()) names.emplace(parse_dimension(row.text(0)), row.string(1));
  for (const auto& reservation : open_reservations(unit))
    for (const auto& key : accounts_of(reservation.spender, reservation.model, reservation.day))
      if (!renews(key.dimension)) names.emplace(key.dimension, key.name);
  return names;
}

// Issues whose cap is the default, and used up. Never by the sum of rows, so by as many accounts.
std::vector<std::string> reached_issues(Unit& unit, const LedgerTerms& terms, int limit) {
  std::vector<std::string> names;
  const Cap* cap = terms.budget->find(Dimension::issue, "");
  if (cap == nullptr || limit <= 0) return names;
  constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
  auto& row = unit.query(
      "SELECT name FROM (SELECT name, settled, runs, cost_settled FROM accounts WHERE day=0 AND "
      "dimension='issue' LIMIT ?) WHERE settled>=? OR runs>=? OR cost_settled>=? "
      "ORDER BY settled DESC, name LIMIT ?",
      kIssuesLooked, cap->tokens ? cap->tokens->count() : kNever, cap->runs.value_or(kNever),
      cap->cost ? cap->cost->nano_dollars() : kNever, limit);
  while (row.step()) names.push_back(row.string(0));
  return names;
}

Standing standing_of(Unit& unit, const LedgerTerms& terms, const AccountKey& key, const Cap& cap) {
  const auto account = read_account(unit, key);
  Standing standing;
  standing.dimension = key.dimension;
  standing.name = key.name;
  standing.cap = cap;
  standing.settled = account.settled;
  standing.held = account.held;
  standing.reserved = account.reserved;
  standing.runs = account.runs;
  standing.cost_settled = account.cost_settled;
  standing.cost_held = account.cost_held;
  standing.overrun = account.overrun;
  standing.reset = reset_of(key, terms.zone);
  return standing;
}

}  // namespace

Tokens Standing::left() const {
  return std::max(cap.tokens.value_or(kMostTokens) - settled - held - reserved, Tokens());
}

bool Standing::reached() const { return uses(*this, 1); }

bool Standing::warned() const { return uses(*this, cap.warn_at); }

namespace {

// An issue by an old name of its repository is the one that is spent on, under the name that is
// asked for.
void add_asked(Unit& unit, const LedgerTerms& terms, const std::pair<Dimension, std::string>& of,
               std::vector<Standing>& standings) {
  const auto& [dimension, asked] = of;
  const auto account = dimension == Dimension::issue ? issue_account_now(unit, asked) : asked;
  const Cap* cap = terms.budget->find(dimension, account);
  if (cap == nullptr) return;
  auto standing = standing_of(unit, terms, account_key(terms.today, dimension, account), *cap);
  standing.name = asked;
  standings.push_back(std::move(standing));
}

}  // namespace

std::vector<Standing> read_standings(Unit& unit, const LedgerTerms& terms, const StandingAsk& ask) {
  auto names = names_at_work(unit, terms);
  for (auto& issue : reached_issues(unit, terms, ask.reached_issues))
    names.emplace(Dimension::issue, std::move(issue));
  for (const auto& [dimension, caps] : terms.budget->caps)
    for (const auto& [name, cap] : caps)
      // The day's own, and no other's default.
      if (dimension == Dimension::day || (name != "*" && !name.empty()))
        names.emplace(dimension, name);
  std::vector<Standing> standings;
  for (const auto& [dimension, name] : names)
    if (const Cap* cap = terms.budget->find(dimension, name))
      standings.push_back(
          standing_of(unit, terms, account_key(terms.today, dimension, name), *cap));
  if (ask.of && !names.contains(*ask.of)) add_asked(unit, terms, *ask.of, standings);
  return standings;
}

namespace {

// What a refusal's sentence goes on from.
std::string without_comma(std::string what) {
  if (what.ends_with(',')) what.pop_back();
  return what;
}

}  // namespace

std::vector<OwnStanding> read_own_standings(Unit& unit, const LedgerTerms& terms,
                                            const std::vector<OpenRun>& runs) {
  std::vector<OwnStanding> standings;
  for (const auto& run : runs) {
    const auto reservation = find_reservation(unit, run.reservation);
    if (!reservation || reservation->released) continue;
    const auto accounts = accounts_of(reservation->spender, reservation->model, reservation->day);
    for (const auto& own : run.caps)
      for (const auto& key : accounts)
        if (key.dimension == own.dimension)
          standings.push_back({reservation->spender, reservation->model, without_comma(own.what),
                               standing_of(unit, terms, key, cap_of(own))});
  }
  return standings;
}

}  // namespace host
