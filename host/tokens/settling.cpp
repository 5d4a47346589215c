// SPDX-License-Identifier: Apache-2.0
#include "tokens/settling.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tokens/granting.hpp"
#include "tokens/ledger_table.hpp"
#include "tokens/pause_table.hpp"
#include "tokens/refusal.hpp"

namespace host {
namespace {

OpenHold require_hold(Unit& unit, HoldId id) {
  const auto hold = find_hold(unit, id);
  if (!hold)
    throw Error(Code::conflict, fmt::format("the hold {} of tokens is settled already", id.value()),
                "Settle each hold once.");
  return *hold;
}

OpenReservation require_reservation(Unit& unit, const OpenHold& hold) {
  auto reservation = find_reservation(unit, hold.reservation);
  if (!reservation)
    throw Error(Code::corrupt, fmt::format("the hold {} of tokens has lost its reservation {}",
                                           hold.id.value(), hold.reservation.value()));
  return std::move(*reservation);
}

// What of the reservation is free again when this much of a hold was used; negative where more was
// used than held, which its free part pays for as far as it can. What was asked for anew goes back
// first, so that a run never has more than it reserved, and what it took besides.
Tokens freed_by(const OpenReservation& reservation, const OpenHold& hold, Tokens used) {
  if (reservation.released) return {};
  if (used > hold.total()) return Tokens() - std::min(used - hold.total(), reservation.free);
  const Tokens anew = hold.total() - hold.from_free;
  return std::max(hold.total() - used - anew, Tokens());
}

// How much of that comes back. What was lent to another model than it was reserved for somebody
// else may have taken since, under the cap of that one: it comes back as far as there is room.
Tokens returned(Unit& unit, const LedgerTerms& terms, const OpenReservation& reservation,
                const OpenHold& hold, Tokens freed) {
  if (freed <= Tokens() || !reservation.model || *reservation.model == hold.model) return freed;
  const auto key = account_key(reservation.day, Dimension::model, reservation.model->text());
  const Cap* cap = terms.budget->find(key.dimension, key.name);
  if (cap == nullptr || !cap->tokens) return freed;
  return std::clamp(*cap->tokens - read_account(unit, key).taken(), Tokens(), freed);
}

// Adds what was used to an account, and says what that leads to.
void charge_account(Unit& unit, const LedgerTerms& terms, const std::string& pipeline,
                    const AccountKey& key, const Account& more, LedgerNotes& notes) {
  const Cap* cap = terms.budget->find(key.dimension, key.name);
  if (cap == nullptr) return add_to_account(unit, key, more, terms.wall);
  const auto before = read_account(unit, key);
  add_to_account(unit, key, more, terms.wall);
  const auto after = read_account(unit, key);
  warn_of(key, *cap, before, after, notes);
  // Whoever used nothing is no reason to pause, however little there was before.
  if (more.used.total() == Tokens() && more.cost_settled == Cost()) return;
  if (cap->when != WhenReached::pause || !is_used_up(*cap, after)) return;
  const bool by_tokens = cap->tokens && after.settled >= *cap->tokens;
  pause_pipeline(unit, terms, pipeline, key,
                 cap_text(*cap, by_tokens ? Measure::tokens : Measure::cost, key), notes);
}

// The hold goes; its accounts get `used` in its place.
void close_hold(Unit& unit, const LedgerTerms& terms, const OpenHold& hold,
                const OpenReservation& reservation, const Account& used, LedgerNotes& notes) {
  const Tokens freed =
      returned(unit, terms, reservation, hold, freed_by(reservation, hold, used.used.total()));
  for (const auto& one : touched_by(reservation, hold.model)) {
    Account more;
    if (one.held) {
      more = used;
      more.held = Tokens() - hold.total();
      more.cost_held = Cost() - hold.cost;
    }
    if (one.reserved) more.reserved = freed;
    charge_account(unit, terms, reservation.spender.pipeline, one.key, more, notes);
  }
  erase_hold(unit, hold.id);
  if (reservation.released)
    end_reservation(unit, reservation.id);
  else if (freed != Tokens())
    set_free(unit, reservation.id, reservation.free + freed);
}

// What a usage costs. What was held for it stands in where its price was taken away meanwhile, and
// where nobody knows what was used.
std::optional<Cost> cost_for(const LedgerTerms& terms, const OpenHold& hold,
                             const TokenUsage& usage, bool known) {
  const Price* price = terms.budget->price_of(hold.model);
  if (price != nullptr && (known || hold.cost == Cost())) return cost_of(usage, *price);
  if (hold.cost > Cost()) return hold.cost;
  return std::nullopt;
}

// What of a call's cost was within its hold: the most that was held, also where the tokens were
// fewer but dearer ones.
std::optional<Cost> cost_within(const LedgerTerms& terms, const OpenHold& hold,
                                const TokenUsage& within, std::optional<Cost> all) {
  const Price* price = terms.budget->price_of(hold.model);
  if (price == nullptr || !all) return all;
  auto cost = std::min(cost_of(within, *price), *all);
  if (hold.cost > Cost()) cost = std::min(cost, hold.cost);
  return cost;
}

// What was used is charged whatever it costs; somebody has to hear of money that no cap sees.
void warn_of_no_cost(const LedgerTerms& terms, const Spender& spender, const ModelName& model,
                     Tokens used, LedgerNotes& notes) {
  if (!terms.budget->caps_cost(spender, model)) return;
  notes.warnings.push_back(fmt::format(
      "{} tokens of {} by {} are charged without a cost, and a cap on cost is over them: the model "
      "has no price in token_budget.json",
      used.count(), model.model.empty() ? "a model that was not named" : model.text(),
      spender.pipeline));
}

// The row of the call and, of what was above its hold, another one; together they say what it used.
std::int64_t insert_rows(Unit& unit, LedgerRow row, const SplitUsage& split,
                         std::optional<Cost> within) {
  const auto all = row.cost;
  row.usage = split.within;
  row.cost = within;
  const auto id = insert_row(unit, row);
  if (split.above.total() == Tokens() && all == within) return id;
  row.usage = split.above;
  row.source = UsageSource::overrun;
  if (all) row.cost = *all - *within;
  insert_row(unit, row);
  return id;
}

}  // namespace

Charge settle_hold(Unit& unit, const LedgerTerms& terms, HoldId id, const Settlement& settlement,
                   LedgerNotes& notes) {
  const auto hold = require_hold(unit, id);
  const auto reservation = require_reservation(unit, hold);
  const bool known = settlement.usage.has_value();
  Charge charge;
  charge.usage =
      known ? plausible(*settlement.usage) : TokenUsage{hold.input, hold.output, {}, {}, {}};
  const auto split = split_usage(charge.usage, hold.total());
  charge.overrun = split.above.total();
  charge.cost = cost_for(terms, hold, charge.usage, known);
  if (!charge.cost)
    warn_of_no_cost(terms, reservation.spender, hold.model, charge.usage.total(), notes);
  // Whoever says by himself what a call used made it without the host.
  const bool past_host = known && settlement.source == UsageSource::reported;
  const LedgerRow row{terms.wall,
                      reservation.day,
                      terms.host,
                      reservation.spender,
                      hold.model,
                      charge.usage,
                      charge.cost,
                      known ? settlement.source : UsageSource::hold,
                      past_host || reservation.spender.bypassable};
  charge.row = insert_rows(unit, row, split, cost_within(terms, hold, split.within, charge.cost));
  Account used;
  used.used = charge.usage;
  used.overrun = charge.overrun;
  used.calls = 1;
  used.cost_settled = charge.cost.value_or(Cost());
  close_hold(unit, terms, hold, reservation, used, notes);
  return charge;
}

Charge charge_used(Unit& unit, const LedgerTerms& terms, ReservationId reservation,
                   const Report& used, LedgerNotes& notes) {
  const auto hold = hold_used(unit, terms, reservation, used.model, used.usage.total());
  return settle_hold(unit, terms, hold.id, {used.usage, UsageSource::reported}, notes);
}

void drop_hold(Unit& unit, const LedgerTerms& terms, HoldId id) {
  const auto hold = require_hold(unit, id);
  LedgerNotes none;
  close_hold(unit, terms, hold, require_reservation(unit, hold), {}, none);
}

void release_reservation(Unit& unit, const LedgerTerms& terms, ReservationId id) {
  const auto reservation = find_reservation(unit, id);
  if (!reservation || reservation->released) return;
  if (reservation->free > Tokens()) {
    Account more;
    more.reserved = Tokens() - reservation->free;
    for (const auto& key : accounts_of(reservation->spender, reservation->model, reservation->day))
      add_to_account(unit, key, more, terms.wall);
  }
  end_reservation(unit, id);
}

void charge_reports(Unit& unit, const LedgerTerms& terms, const Spender& spender,
                    const std::vector<Report>& reports, std::optional<std::int64_t> told_day,
                    LedgerNotes& notes) {
  const auto day = told_day ? *told_day : reserved_day(unit, spender.run).value_or(terms.today);
  TokenUsage metered;
  if (!spender.run.empty())
    metered = read_account(unit, account_key(day, Dimension::run, spender.run)).used;
  for (const auto& report : reports) {
    Account used;
    used.used = take_off(plausible(report.usage), metered);
    if (used.used.total() == Tokens()) continue;
    const Price* price = terms.budget->price_of(report.model);
    std::optional<Cost> cost;
    if (price != nullptr) cost = cost_of(used.used, *price);
    if (!cost) warn_of_no_cost(terms, spender, report.model, used.used.total(), notes);
    used.cost_settled = cost.value_or(Cost());
    insert_row(unit, {terms.wall, day, terms.host, spender, report.model, used.used, cost,
                      UsageSource::reported, true});
    const auto model = report.model.model.empty() ? std::nullopt : std::optional(report.model);
    for (const auto& key : accounts_of(spender, model, day))
      charge_account(unit, terms, spender.pipeline, key, used, notes);
  }
}

Charged charge_what_is_open(Unit& unit, const LedgerTerms& terms, LedgerNotes& notes) {
  Charged charged;
  for (const auto id : open_holds(unit)) {
    charged.tokens += settle_hold(unit, terms, id, {}, notes).usage.total();
    ++charged.holds;
  }
  for (const auto& reservation : open_reservations(unit))
    release_reservation(unit, terms, reservation.id);
  return charged;
}

}  // namespace host
