// SPDX-License-Identifier: Apache-2.0
//
// What the ledger is to do, without a database and without totals: lists of what was used, is held
// and is reserved, which are added up whenever somebody asks. For tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tokens/account_table.hpp"
#include "tokens/hold.hpp"

namespace host {

struct LedgerModel {
  struct Use {
    std::int64_t day;
    Spender who;
    ModelName model;
    std::int64_t tokens, above, cost;
    bool call;
  };
  struct Reserved {
    std::int64_t day;
    Spender who;
    std::optional<ModelName> model;
    std::int64_t free;
    bool begins;               // its run
    std::vector<OwnCap> caps;  // of the run's own, with each of its holds
    bool over = false;
  };
  struct Held {
    std::int64_t reservation;
    ModelName model;
    std::int64_t input, output, from_free, cost;
    [[nodiscard]] std::int64_t total() const { return input + output; }
  };
  // As the store has it.
  using Totals = std::map<std::string, Account>;

  static constexpr std::int64_t kInput = 1, kOutput = 2;  // nanodollars a token

  std::optional<Budget> budget;
  std::int64_t today = 0;
  std::vector<Use> uses;
  std::map<std::int64_t, Reserved> reservations;
  std::map<std::int64_t, Held> holds;

  static std::set<std::string> names(std::int64_t day, const Spender& who,
                                     const std::optional<ModelName>& model) {
    const auto daily = "@" + std::to_string(day);
    std::set<std::string> names{"day:" + daily, "run:" + who.run + "@0"};
    if (!who.pipeline.empty()) names.insert("pipeline:" + who.pipeline + daily);
    if (!who.playbook.empty()) names.insert("playbook:" + who.playbook + daily);
    if (model) names.insert("model:" + model->provider + "/" + model->model + daily);
    if (who.issue > 0) names.insert("issue:" + who.repo + "#" + std::to_string(who.issue) + "@0");
    return names;
  }

  [[nodiscard]] bool begins(const Spender& who) const {
    return std::none_of(reservations.begin(), reservations.end(),
                        [&](const auto& each) { return each.second.who.run == who.run; });
  }
  static bool counts_as_run(const std::string& account, bool begins) {
    return begins || account.starts_with("model:");
  }

  [[nodiscard]] Totals totals() const {
    Totals totals;
    for (const auto& use : uses)
      for (const auto& name : names(use.day, use.who, use.model)) {
        auto& account = totals[name];
        account.settled += Tokens(use.tokens);
        account.overrun += Tokens(use.above);
        account.cost_settled += Cost(use.cost);
        account.calls += use.call;
      }
    for (const auto& [id, reserved] : reservations)
      for (const auto& name : names(reserved.day, reserved.who, reserved.model)) {
        totals[name].reserved += Tokens(reserved.free);
        totals[name].runs += counts_as_run(name, reserved.begins);
      }
    for (const auto& [id, held] : holds) {
      const auto& reserved = reservations.at(held.reservation);
      for (const auto& name : names(reserved.day, reserved.who, held.model)) {
        totals[name].held += Tokens(held.total());
        totals[name].cost_held += Cost(held.cost);
      }
    }
    return totals;
  }

  [[nodiscard]] Cap cap(const std::string& account) const {
    const auto colon = account.find(':');
    const Cap* found = budget->find(parse_dimension(account.substr(0, colon)),
                                    account.substr(colon + 1, account.rfind('@') - colon - 1));
    return found == nullptr ? Cap() : *found;
  }

  [[nodiscard]] bool may_reserve(const Spender& who, const std::optional<ModelName>& model,
                                 std::int64_t tokens) const {
    auto sums = totals();
    for (const auto& name : names(today, who, model)) {
      const auto limit = cap(name);
      const auto& account = sums[name];
      if (limit.tokens && tokens > 0 && account.taken() + Tokens(tokens) > *limit.tokens)
        return false;
      if (limit.runs && counts_as_run(name, begins(who)) && account.runs + 1 > *limit.runs)
        return false;
    }
    return true;
  }

  // As it would be if all that is under way ended without having used anything. What fits then and
  // not now is only held: it is refused for the moment, and no cap is reached.
  [[nodiscard]] LedgerModel idle() const {
    auto idle = *this;
    idle.holds.clear();
    for (auto& [id, reserved] : idle.reservations) reserved.free = 0;
    return idle;
  }

  static std::int64_t bound(const ModelName& model, std::int64_t input, std::int64_t output) {
    return model.provider == "paid" ? input * kInput + output * kOutput : 0;
  }

  // The account of a hold that a cap of the run's own is over.
  static std::string capped_by(const OwnCap& own, const Reserved& reserved,
                               const ModelName& model) {
    for (const auto& each : names(reserved.day, reserved.who, model))
      if (each.starts_with(std::string(name(own.dimension)) + ":")) return each;
    return "";
  }

  // Whether this hold fits under every cap, by the definition of one: those of the budget, and the
  // run's own.
  [[nodiscard]] bool may_hold(std::int64_t reservation, const ModelName& model, std::int64_t input,
                              std::int64_t output, Totals& sums) const {
    const auto& reserved = reservations.at(reservation);
    for (const auto& own : reserved.caps)
      if (taken_by_others(reserved, capped_by(own, reserved, model), sums) +
              Tokens(input + output) >
          own.tokens)
        return false;
    return may_hold_by_budget(reserved, model, input, output, sums);
  }
  // What of an account is taken by all but what is free of this reservation.
  static Tokens taken_by_others(const Reserved& reserved, const std::string& name, Totals& sums) {
    const auto covered = names(reserved.day, reserved.who, reserved.model);
    return sums[name].taken() - Tokens(covered.contains(name) ? reserved.free : 0);
  }
  [[nodiscard]] bool may_hold_by_budget(const Reserved& reserved, const ModelName& model,
                                        std::int64_t input, std::int64_t output,
                                        Totals& sums) const {
    for (const auto& name : names(reserved.day, reserved.who, model)) {
      const auto limit = cap(name);
      const auto& account = sums[name];
      if (limit.tokens &&
          taken_by_others(reserved, name, sums) + Tokens(input + output) > *limit.tokens)
        return false;
      const auto cost = bound(model, input, output);
      if (limit.cost && cost > 0 &&
          account.cost_settled + account.cost_held + Cost(cost) > *limit.cost)
        return false;
    }
    return true;
  }

  // As much output as may be had, tried one by one.
  [[nodiscard]] std::optional<std::int64_t> best_output(std::int64_t reservation,
                                                        const ModelName& model, std::int64_t input,
                                                        std::int64_t output,
                                                        std::int64_t least) const {
    auto sums = totals();
    for (; output >= least; --output)
      if (may_hold(reservation, model, input, output, sums)) return output;
    return std::nullopt;
  }

  void hold(std::int64_t id, std::int64_t reservation, const ModelName& model, std::int64_t input,
            std::int64_t output) {
    auto& reserved = reservations.at(reservation);
    const auto own = std::min(reserved.free, input + output);
    reserved.free -= own;
    holds[id] = {reservation, model, input, output, own, bound(model, input, output)};
  }

  // Ends a hold with `used` tokens that cost `cost`.
  void settle(std::int64_t id, std::int64_t used, std::int64_t cost) {
    const auto held = holds.at(id);
    auto& reserved = reservations.at(held.reservation);
    uses.push_back({reserved.day, reserved.who, held.model, used,
                    std::max<std::int64_t>(used - held.total(), 0), cost, true});
    close(id, used);
  }
  void close(std::int64_t id, std::int64_t used) {
    const auto held = holds.at(id);
    auto& reserved = reservations.at(held.reservation);
    holds.erase(id);
    if (reserved.over) return;
    // The reservation gets back what it gave and was not needed; it pays for what was above.
    if (used < held.from_free)
      reserved.free += std::min(held.from_free - used, room_for_return(reserved, held));
    if (used > held.total()) reserved.free -= std::min(reserved.free, used - held.total());
  }

  // What was lent to another model comes back only under the cap of the one that it was for.
  [[nodiscard]] std::int64_t room_for_return(const Reserved& reserved, const Held& held) const {
    constexpr auto kAll = std::numeric_limits<std::int64_t>::max();
    if (!reserved.model || *reserved.model == held.model) return kAll;
    const auto name = "model:" + reserved.model->provider + "/" + reserved.model->model + "@" +
                      std::to_string(reserved.day);
    const auto limit = cap(name).tokens;
    if (!limit) return kAll;
    return std::max<std::int64_t>((*limit - totals()[name].taken()).count(), 0);
  }

  void release(std::int64_t reservation) {
    auto& reserved = reservations.at(reservation);
    reserved.free = 0;
    reserved.over = true;
  }

  void crash() {
    while (!holds.empty()) {
      const auto& [id, held] = *holds.begin();
      settle(id, held.total(), held.cost);
    }
    for (auto& [id, reserved] : reservations) release(id);
  }
};

// The store's accounts as the model names them, without what it doesn't count.
inline LedgerModel::Totals stored_totals(Unit& unit) {
  LedgerModel::Totals totals;
  auto& row = unit.query(
      "SELECT dimension || ':' || name || '@' || day, settled, held, reserved, overrun, runs, "
      "calls, cost_settled, cost_held, input+output FROM accounts");
  while (row.step()) {
    auto& account = totals[row.string(0)];
    account.settled = Tokens(row.integer(1));
    account.held = Tokens(row.integer(2));
    account.reserved = Tokens(row.integer(3));
    account.overrun = Tokens(row.integer(4));
    account.runs = row.integer(5);
    account.calls = row.integer(6);
    account.cost_settled = Cost(row.integer(7));
    account.cost_held = Cost(row.integer(8));
    EXPECT_EQ(row.integer(1), row.integer(9));
  }
  return totals;
}

}  // namespace host
