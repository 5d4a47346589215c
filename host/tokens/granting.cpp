// SPDX-License-Identifier: Apache-2.0
#include "tokens/granting.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tokens/pause_table.hpp"
#include "tokens/refusal.hpp"

namespace host {
namespace {

void check_range(Tokens tokens, Tokens most, const char* what) {
  if (tokens < Tokens())
    throw Error(Code::invalid, fmt::format("{} is {}, which is negative", what, tokens.count()));
  if (tokens > most)
    throw Error(Code::too_large,
                fmt::format("{} is {}, at most {} are taken", what, tokens.count(), most.count()),
                "Ask for less.");
}

void check(const HoldAsk& ask) {
  check_range(ask.input, kMostTokensOfACall, "the input of a call");
  check_range(ask.output, kMostTokensOfACall, "the output of a call");
  check_range(ask.least_output, kMostTokensOfACall, "the least output of a call");
  if (ask.least_output > ask.output)
    throw Error(Code::invalid, "the least output of a call is more than the output asked for");
}

// Refuses for what is short; the pipeline is paused where one of these caps says so. What calls
// under way hold is no reason: most of it comes back.
template <class T>
Granted<T> refuse(Unit& unit, const LedgerTerms& terms, const std::string& pipeline,
                  const std::vector<Shortage>& shortages) {
  Granted<T> result;
  result.refusal = refusal_of(shortages, terms);
  for (const auto& shortage : shortages)
    if (shortage.cap.when == WhenReached::pause && helps_to_wait(shortage) &&
        !is_only_held(shortage))
      pause_pipeline(unit, terms, pipeline, shortage.key,
                     cap_text(shortage.cap, shortage.measure, shortage.key), result.notes);
  return result;
}

const Cap& cap_over(const Budget& budget, const AccountKey& key) {
  static const Cap kNone;
  const Cap* cap = budget.find(key.dimension, key.name);
  return cap == nullptr ? kNone : *cap;
}

Tokens left_of(const Cap& cap, const Account& account) {
  return cap.tokens.value_or(kMostTokens) - account.taken();
}

// What is left of money for open calls. An account without a cap is full only when its holds are
// beyond counting.
Cost left_of_cost(const Cap& cap, const Account& account) {
  return cap.cost ? *cap.cost - account.cost_settled - account.cost_held
                  : kMostCost - account.cost_held;
}

// What a hold may have, as the accounts are gone through.
struct Room {
  const HoldAsk& ask;
  const Price* price;
  Tokens output = ask.output;
  std::vector<Shortage> shortages = {};

  void narrow(const Touched& touched, const Cap& cap, const Account& account, Tokens free,
              const OwnCap* own = nullptr) {
    const Tokens of_ask = touched.reserved ? free : Tokens();
    const Tokens left = left_of(cap, account) + of_ask;
    if (left < ask.input + ask.least_output)
      shortages.push_back({touched.key, cap, Measure::tokens, left.count(),
                           (ask.input + ask.least_output).count(), account.held.count(),
                           (account.reserved - of_ask).count(), own});
    output = std::min(output, left - ask.input);
    if (price != nullptr) narrow_by_cost(touched, cap, account);
  }

  void narrow_by_cost(const Touched& touched, const Cap& cap, const Account& account) {
    const auto left = left_of_cost(cap, account);
    const auto least = cost_bound(ask.input, ask.least_output, *price);
    // What is free costs nobody anything, however little is left.
    if (cost_bound(ask.input, ask.output, *price) == Cost()) return;
    if (least > Cost() && left < least)
      shortages.push_back({touched.key, cap, Measure::cost, left.nano_dollars(),
                           least.nano_dollars(), account.cost_held.nano_dollars()});
    output = std::min(output, output_within(std::max(left, Cost()), ask.input, *price));
  }
};

const Price* price_for(const LedgerTerms& terms, const Spender& spender, const ModelName& model) {
  const Price* price = terms.budget->price_of(model);
  if (price == nullptr && terms.budget->caps_cost(spender, model))
    throw Error(
        Code::invalid,
        fmt::format("the model {} has no price, and a cap on cost is over it", model.text()),
        "Write its price under `prices` in token_budget.json.");
  return price;
}

// Whether the run has a reservation behind it: it takes one for each call where it reserves nothing
// ahead, and is one run all the same.
bool has_begun(Unit& unit, const Spender& spender) {
  return !spender.run.empty() &&
         read_account(unit, account_key(0, Dimension::run, spender.run)).runs > 0;
}

}  // namespace

Granted<ReservationId> grant_reservation(Unit& unit, const LedgerTerms& terms,
                                         const ReserveAsk& ask) {
  check_range(ask.tokens, kMostTokensOfARun, "what a run reserves");
  if (ask.model) (void)price_for(terms, ask.spender, *ask.model);
  const auto keys = accounts_of(ask.spender, ask.model, terms.today);
  // With which models a run has begun nobody knows, nor with which of the issues that its calls
  // name: there each reservation counts.
  const bool begun = has_begun(unit, ask.spender);
  const auto runs_more = [begun, by_call = ask.spender.issue_of_call](const AccountKey& key) {
    const bool each =
        key.dimension == Dimension::model || (by_call && key.dimension == Dimension::issue);
    return begun && !each ? 0 : 1;
  };
  std::vector<Shortage> shortages;
  LedgerNotes notes;
  for (const auto& key : keys) {
    const Cap& cap = cap_over(*terms.budget, key);
    const auto account = read_account(unit, key);
    if (const auto left = left_of(cap, account); ask.tokens > Tokens() && ask.tokens > left)
      shortages.push_back({key, cap, Measure::tokens, left.count(), ask.tokens.count(),
                           account.held.count(), account.reserved.count()});
    if (runs_more(key) > 0 && cap.runs && account.runs >= *cap.runs)
      shortages.push_back({key, cap, Measure::runs, *cap.runs - account.runs, 1});
    auto after = account;
    after.runs += runs_more(key);
    warn_of(key, cap, account, after, notes);
  }
  if (!shortages.empty())
    return refuse<ReservationId>(unit, terms, ask.spender.pipeline, shortages);
  Account more;
  more.reserved = ask.tokens;
  for (const auto& key : keys) {
    more.runs = runs_more(key);
    add_to_account(unit, key, more, terms.wall);
  }
  return {insert_reservation(
              unit, {{}, terms.wall, terms.today, ask.spender, ask.model, ask.tokens, false}),
          std::nullopt, std::move(notes)};
}

std::vector<Touched> touched_by(const OpenReservation& reservation, const ModelName& model) {
  std::vector<Touched> touched;
  for (auto& key : accounts_of(reservation.spender, model, reservation.day)) {
    const bool reserved =
        key.dimension != Dimension::model || (reservation.model && *reservation.model == model);
    touched.push_back({std::move(key), reserved, true});
  }
  if (reservation.model && *reservation.model != model)
    touched.push_back(
        {account_key(reservation.day, Dimension::model, reservation.model->text()), true, false});
  return touched;
}

namespace {

OpenReservation require_open(Unit& unit, ReservationId id) {
  auto reservation = find_reservation(unit, id);
  if (!reservation || reservation->released)
    throw Error(Code::conflict, fmt::format("the reservation {} of tokens is over", id.value()),
                "Reserve anew.");
  return std::move(*reservation);
}

Room room_for(Unit& unit, const LedgerTerms& terms, const OpenReservation& reservation,
              const HoldAsk& ask, const Price* price) {
  Room room{ask, price};
  std::size_t bound = 0;
  for (const auto& one : touched_by(reservation, ask.model)) {
    if (!one.held) continue;
    const auto account = read_account(unit, one.key);
    room.narrow(one, cap_over(*terms.budget, one.key), account, reservation.free);
    for (const auto& own : ask.caps) {
      if (own.dimension != one.key.dimension) continue;
      ++bound;
      room.narrow(one, cap_of(own), account, reservation.free, &own);
    }
  }
  if (bound < ask.caps.size())
    throw Error(Code::internal, "a cap of a run is over an account that its tokens don't go to");
  return room;
}

Hold take_hold(Unit& unit, const LedgerTerms& terms, const OpenReservation& reservation,
               const Room& room) {
  OpenHold hold{{}, reservation.id, room.ask.model, room.ask.input, room.output, {}, {}};
  hold.from_free = std::min(reservation.free, hold.total());
  if (room.price != nullptr) hold.cost = cost_bound(hold.input, hold.output, *room.price);
  for (const auto& one : touched_by(reservation, hold.model)) {
    Account more;
    if (one.held) more.held = hold.total(), more.cost_held = hold.cost;
    if (one.reserved) more.reserved = Tokens() - hold.from_free;
    add_to_account(unit, one.key, more, terms.wall);
  }
  if (hold.from_free > Tokens()) set_free(unit, reservation.id, reservation.free - hold.from_free);
  return {insert_hold(unit, hold, reservation.day, terms.wall), hold.input, hold.output};
}

}  // namespace

Granted<Hold> grant_hold(Unit& unit, const LedgerTerms& terms, ReservationId id,
                         const HoldAsk& ask) {
  check(ask);
  const auto reservation = require_open(unit, id);
  const Price* price = price_for(terms, reservation.spender, ask.model);
  const auto room = room_for(unit, terms, reservation, ask, price);
  if (!room.shortages.empty())
    return refuse<Hold>(unit, terms, reservation.spender.pipeline, room.shortages);
  return {take_hold(unit, terms, reservation, room), std::nullopt, {}};
}

Hold hold_used(Unit& unit, const LedgerTerms& terms, ReservationId id, const ModelName& model,
               Tokens used) {
  const HoldAsk ask{model, Tokens(), used, Tokens()};
  check(ask);
  const auto reservation = require_open(unit, id);
  auto room = room_for(unit, terms, reservation, ask, terms.budget->price_of(model));
  room.output = std::max(room.output, Tokens());
  return take_hold(unit, terms, reservation, room);
}

}  // namespace host
