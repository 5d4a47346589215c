// SPDX-License-Identifier: Apache-2.0
//
// The ledger against a plain model of it, over thousands of random histories: runs that reserve,
// hold, settle, drop, release, overrun and report; hosts that die and start again; clocks that are
// set, days that end, machines that boot; caps that are raised and lowered; runs with caps of their
// own; a repository that is renamed, and called by any of its names; a store that can't write.
// Calls ask now over the loop, now at the desk, as those of other threads do. After every step each
// account is what adding up gives, and none is further above its cap than what was just used past
// its hold, or reported; no hold is above a cap of its run's own.
// What would fit if nothing were held is refused as such, and pauses no pipeline.
#include <gtest/gtest.h>

#include <random>

#include "tokens/ledger_fixture.hpp"
#include "tokens/ledger_model.hpp"
#include "tokens/renamed_repo.hpp"

namespace host {
namespace {

using std::chrono::hours;

class LedgerModelTest : public LedgerTest, public testing::WithParamInterface<int> {
 protected:
  // One history, by its seed.
  void play(std::uint64_t seed, int steps) {
    random_.seed(seed);
    begin();
    for (int step = 0; step < steps && !HasFailure(); ++step) {
      SCOPED_TRACE(testing::Message() << "history " << seed << ", step " << step);
      past_ = past_cost_ = 0;
      const auto before = model_.totals();
      take_step();
      compare(before);
    }
    if (!HasFailure()) end_all();
  }

 private:
  std::int64_t any(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }
  bool one_in(int n) { return any(1, n) == 1; }
  template <class Map>
  std::int64_t any_key(const Map& map) {
    if (map.empty()) return any(1, 1000);
    return std::next(map.begin(), any(0, static_cast<std::int64_t>(map.size()) - 1))->first;
  }

  // On an empty store, at the same time each: histories don't know of each other.
  void begin() {
    store_.run_now([](Unit& unit) {
      for (const char* table : {"ledger", "accounts", "reservations", "holds", "token_pauses"})
        unit.run(std::string("DELETE FROM ") + table);
      unit.run("DELETE FROM settings WHERE key LIKE 'token_%'");
    });
    model_ = {};
    repos_ = {"o/n"};
    boot_ = 1;
    anchor_ = loop_.clock().wall();
    boot_time_ = loop_.clock().boot();
    model_.today = kept_ = day_of(anchor_);
    start("boot 1");
    set_budget();
  }

  static std::int64_t day_of(WallTime time) {
    return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
  }
  void look_at_clock() {
    model_.today = std::max(model_.today, day_of(anchor_ + (loop_.clock().boot() - boot_time_)));
  }

  void take_step() {
    at_desk_ = one_in(2);
    switch (any(0, 19)) {
      case 0: return one_in(3) ? rename() : any_clock();
      case 1: return one_in(3) ? boot() : crash();
      case 2: return set_budget();
      case 3: return report();
      case 4:
      case 5:
      case 6: return reserve_some();
      case 7: return release_some();
      case 8: return drop_some();
      case 9:
      case 10:
      case 11:
      case 12:
      case 13: return settle_some();
      default: return hold_some();
    }
  }

  ModelName any_model() {
    return std::vector<ModelName>{{"paid", "a"}, {"paid", "b"}, {"free", "c"}}.at(
        static_cast<std::size_t>(any(0, 2)));
  }
  Spender any_spender() {
    auto who = spender(one_in(2) ? "p" : "q", std::to_string(any(1, 4)) + ".1");
    if (one_in(2)) who.playbook = "fix";
    if (one_in(2)) who.repo = "o/n", who.issue = any(1, 2);
    return who;
  }

  // To the model it is o/n for ever; the last of its names is that of now.
  void rename() {
    const auto to = "o/" + std::string(1, "nmp"[any(0, 2)]);
    store_.run_now(
        [&](Unit& unit) { rename_issue_accounts(unit, repos_.back(), to, loop_.clock().wall()); });
    repos_.push_back(to);
  }
  Spender by_any_name(Spender who) {
    const auto last = static_cast<std::int64_t>(repos_.size()) - 1;
    if (!who.repo.empty()) who.repo = repos_.at(static_cast<std::size_t>(any(0, last)));
    return who;
  }

  void any_clock() {
    if (one_in(2))
      loop_.fake_clock().suspend(hours(any(1, 30)));
    else if (one_in(3))
      accept_clock();
    else
      loop_.fake_clock().set_wall(loop_.clock().wall() + hours(any(-100, 100)));
  }
  void accept_clock() {
    EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->accept_clock(done); }));
    anchor_ = loop_.clock().wall();
    boot_time_ = loop_.clock().boot();
    model_.today = kept_ = day_of(anchor_);
  }
  void boot() {
    loop_.fake_clock().set_wall(loop_.clock().wall() + hours(any(-30, 50)));
    ++boot_;
    anchor_ = loop_.clock().wall();
    boot_time_ = loop_.clock().boot();
    crash();
  }
  void crash() {
    model_.today = kept_;
    look_at_clock();
    kept_ = model_.today;
    const auto holds = static_cast<int>(model_.holds.size());
    const auto recovery = start("boot " + std::to_string(boot_));
    EXPECT_EQ(recovery.holds, holds);
    EXPECT_TRUE(recovery.has_budget);
    model_.crash();
  }

  Cap any_cap(Dimension dimension) {
    Cap cap;
    if (!one_in(4)) cap.tokens = Tokens(any(0, 300));
    if (one_in(4)) cap.runs = any(0, 8);
    if (one_in(3) || (!cap.tokens && !cap.runs)) cap.cost = Cost(any(0, 500));
    if (renews(dimension)) cap.when = static_cast<WhenReached>(any(0, 2));
    return cap;
  }
  void set_budget() {
    Budget budget;
    for (const auto dimension : {Dimension::day, Dimension::pipeline, Dimension::playbook,
                                 Dimension::model, Dimension::issue, Dimension::run}) {
      if (one_in(2)) continue;
      const bool named = renews(dimension) && dimension != Dimension::day;
      budget.caps[dimension][named ? "*" : ""] = any_cap(dimension);
      if (dimension == Dimension::pipeline && one_in(2))
        budget.caps[dimension]["p"] = any_cap(dimension);
    }
    if (budget.caps.empty()) budget.caps[Dimension::day][""] = any_cap(Dimension::day);
    budget.prices["paid/*"] = {LedgerModel::kInput * 1000, LedgerModel::kOutput * 1000,
                               LedgerModel::kInput * 1000, LedgerModel::kInput * 1000};
    budget.prices["free/*"] = {};
    look_at_clock();
    EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->set_budget(budget, done); }));
    model_.budget = budget;
  }

  static void expect_code(const Error& error, Code code) { EXPECT_EQ(error.code(), code); }

  // Whether the store can't write this time.
  bool break_store() {
    if (!one_in(15)) return false;
    store_.fail_next(Error(Code::unavailable, "the disk is full"));
    return true;
  }

  void reserve_some() {
    look_at_clock();
    const auto who = any_spender();
    std::optional<ModelName> model;
    if (one_in(3)) model = any_model();
    const auto tokens = one_in(3) ? 0 : any(1, 150);
    const auto pauses = pauses_kept();
    const bool broken = break_store();
    const auto reservation = reserve(tokens, by_any_name(who), model);
    if (broken) return expect_code(reservation.error(), Code::unavailable);
    kept_ = model_.today;
    ASSERT_EQ(reservation.ok(), model_.may_reserve(who, model, tokens));
    if (!reservation)
      return check_refusal(reservation.error(), model_.idle().may_reserve(who, model, tokens),
                           pauses);
    const bool begins = model_.begins(who);
    model_.reservations[reservation.value().value()] = {model_.today, who,    model,
                                                        tokens,       begins, any_own_caps(who)};
  }
  // As a playbook's limit and its lane's budget are: over any account that the run has.
  std::vector<OwnCap> any_own_caps(const Spender& who) {
    std::vector<OwnCap> caps;
    while (one_in(2)) {
      const auto dimension = static_cast<Dimension>(any(0, 5));
      if (dimension == Dimension::playbook && who.playbook.empty()) continue;
      if (dimension == Dimension::issue && who.issue == 0) continue;
      caps.push_back({dimension, Tokens(any(0, 120)), "the run's own cap", "Raise it."});
    }
    return caps;
  }

  void hold_some() {
    look_at_clock();
    const auto id = any_key(model_.reservations);
    const auto model = any_model();
    const auto input = any(0, 60), output = any(0, 60), least = one_in(2) ? 0 : any(0, output);
    const auto reserved = model_.reservations.find(id);
    const bool known = reserved != model_.reservations.end();
    const auto pauses = pauses_kept();
    const bool broken = break_store();
    const auto held = hold(ReservationId(id), input, output, least, model,
                           known ? reserved->second.caps : std::vector<OwnCap>{});
    if (broken) return expect_code(held.error(), Code::unavailable);
    if (!known || reserved->second.over) return expect_code(held.error(), Code::conflict);
    kept_ = model_.today;
    const auto expected = model_.best_output(id, model, input, output, least);
    count_bound(id, model, input, output, least);
    ASSERT_EQ(held.ok(), expected.has_value()) << (held ? "" : held.error().what());
    if (!held)
      return check_refusal(held.error(),
                           model_.idle().best_output(id, model, input, output, least).has_value(),
                           pauses);
    ASSERT_EQ(held.value().output, Tokens(*expected));
    model_.hold(held.value().id.value(), id, model, input, *expected);
    check_own_caps(reserved->second, model);
  }
  std::int64_t pauses_kept() { return number("SELECT count(*) FROM token_pauses"); }
  // Where only what is under way is in the way, the refusal says so, and nobody is paused for it.
  void check_refusal(const Error& error, bool only_held, std::int64_t pauses_before) {
    EXPECT_EQ(error.code() == Code::busy, only_held) << error.what();
    if (!only_held) return;
    ++refused_for_holds_;
    EXPECT_EQ(pauses_kept(), pauses_before) << error.what();
  }
  // Of what is stored: a hold was given only within each of the run's own caps.
  void check_own_caps(const LedgerModel::Reserved& reserved, const ModelName& model) {
    if (reserved.caps.empty()) return;
    auto found = stored();
    for (const auto& own : reserved.caps) {
      const auto name = LedgerModel::capped_by(own, reserved, model);
      EXPECT_LE(LedgerModel::taken_by_others(reserved, name, found), own.tokens) << name;
    }
  }
  // How often it is the run's own caps that bind, and those of the budget do not.
  void count_bound(std::int64_t id, const ModelName& model, std::int64_t input, std::int64_t output,
                   std::int64_t least) {
    const auto caps = std::exchange(model_.reservations.at(id).caps, {});
    const auto without = model_.best_output(id, model, input, output, least);
    model_.reservations.at(id).caps = caps;
    const auto with = model_.best_output(id, model, input, output, least);
    refused_by_own_ += without && !with;
    lowered_by_own_ += with && with < without;
  }

  void settle_some() {
    const auto id = any_key(model_.holds);
    const auto found = model_.holds.find(id);
    if (found == model_.holds.end())
      return expect_code(settle(HoldId(id), 1, 1).error(), Code::conflict);
    const auto held = found->second;
    Settlement end;
    std::int64_t used = held.total(), cost = held.cost;
    if (!one_in(6)) {
      const auto more = one_in(5) ? 40 : 0;
      const auto input = any(0, held.input + more), output = any(0, held.output + more);
      used = input + output;
      cost = LedgerModel::bound(held.model, input, output);
      end.usage = TokenUsage{Tokens(input), Tokens(output), Tokens(any(0, input)), {}, {}};
    }
    past_ = std::max<std::int64_t>(used - held.total(), 0);
    past_cost_ = std::max<std::int64_t>(cost - held.cost, 0);
    (void)break_store();
    std::optional<Tokens> overrun;
    ask_settle(HoldId(id), end, [&](Result<Charge> charge) { overrun = charge.value().overrun; });
    loop_.advance(std::chrono::seconds(1));
    ASSERT_EQ(overrun, Tokens(past_));
    model_.settle(id, used, cost);
  }

  void drop_some() {
    const auto id = any_key(model_.holds);
    const bool open = model_.holds.contains(id);
    ASSERT_EQ(drop(HoldId(id)).ok(), open);
    if (open) model_.close(id, 0);
  }

  void release_some() {
    const auto id = any_key(model_.reservations);
    EXPECT_TRUE(release(ReservationId(id)));
    if (model_.reservations.contains(id)) model_.release(id);
  }

  void report() {
    look_at_clock();
    const auto who = any_spender();
    const auto model = any_model();
    // More than was metered for the run, so that it is plain what counts.
    TokenUsage metered;
    metered += account(0, Dimension::run, who.run).used;
    const auto extra = any(1, 30);
    auto day = model_.today;
    for (const auto& [id, reserved] : model_.reservations)
      if (reserved.who.run == who.run && is_stored(id)) day = reserved.day;
    auto work = ledger_->reporting(
        by_any_name(who), {{model, {metered.input + Tokens(extra), metered.output, {}, {}, {}}}});
    EXPECT_TRUE(wait<Done>([&](auto done) { store_.submit(work, done); }));
    past_ = extra;
    past_cost_ = LedgerModel::bound(model, extra, 0);
    model_.uses.push_back({day, who, model, extra, 0, past_cost_, false});
  }
  // Not over, or kept for its holds.
  bool is_stored(std::int64_t reservation) {
    if (!model_.reservations.at(reservation).over) return true;
    return std::any_of(model_.holds.begin(), model_.holds.end(),
                       [&](const auto& held) { return held.second.reservation == reservation; });
  }

  LedgerModel::Totals stored() {
    LedgerModel::Totals totals;
    const auto now = "issue:" + repos_.back();
    for (const auto& [name, account] : store_.run_now(stored_totals))
      totals[name.starts_with(now) ? "issue:o/n" + name.substr(now.size()) : name] = account;
    return totals;
  }

  void compare(const LedgerModel::Totals& before) {
    auto totals = model_.totals();
    const auto found = stored();
    for (const auto& [name, account] : found) {
      EXPECT_TRUE(account == totals[name]) << name;
      check_cap(name, account, before);
    }
    for (const auto& [name, account] : totals)
      EXPECT_TRUE(found.contains(name) || account == Account()) << name;
    EXPECT_EQ(number("SELECT count(*) FROM holds"), std::ssize(model_.holds));
    EXPECT_EQ(number("SELECT coalesce(sum(input+output), 0) FROM ledger"), account_sum(totals));
    EXPECT_EQ(number("SELECT count(*) FROM token_pauses"), std::ssize(ledger_->pauses()));
    look_at_clock();
    EXPECT_EQ(ledger_->today(), model_.today);
  }

  // No step takes an account above its cap, or further above, but by what it used past its hold.
  void check_cap(const std::string& name, const Account& account,
                 const LedgerModel::Totals& before) {
    const auto cap = model_.cap(name);
    const auto was = before.contains(name) ? before.at(name) : Account();
    if (cap.tokens) {
      EXPECT_LE(account.taken(), std::max(*cap.tokens, was.taken()) + Tokens(past_)) << name;
    }
    if (cap.cost) {
      EXPECT_LE(account.cost_settled + account.cost_held,
                std::max(*cap.cost, was.cost_settled + was.cost_held) + Cost(past_cost_))
          << name;
    }
    if (cap.runs) {
      EXPECT_LE(account.runs, std::max(*cap.runs, was.runs)) << name;
    }
  }

  std::int64_t account_sum(LedgerModel::Totals& totals) {
    std::int64_t sum = 0;
    for (const auto& [name, account] : totals)
      if (name.starts_with("day:")) sum += account.settled.count();
    return sum;
  }

  // Nothing leaks: when all is settled and released, nothing is held or reserved.
  void end_all() {
    past_ = past_cost_ = 0;
    while (!model_.holds.empty()) drop_some();
    for (const auto& [id, reserved] : model_.reservations) EXPECT_TRUE(release(ReservationId(id)));
    for (const auto& [name, account] : stored()) {
      EXPECT_EQ(account.held, Tokens()) << name;
      EXPECT_EQ(account.reserved, Tokens()) << name;
      EXPECT_EQ(account.cost_held, Cost()) << name;
    }
    EXPECT_EQ(number("SELECT count(*) FROM reservations"), 0);
  }

  std::mt19937_64 random_;
  LedgerModel model_;
  std::vector<std::string> repos_;
  int boot_ = 1;
  WallTime anchor_;
  Duration boot_time_{};
  std::int64_t kept_ = 0;
  std::int64_t past_ = 0;       // what this step used that nothing held
  std::int64_t past_cost_ = 0;  // and what that costs

 protected:
  int refused_by_own_ = 0;  // calls that caps of their runs' own alone refused, over all histories
  int lowered_by_own_ = 0;  // and to which these gave less
  int refused_for_holds_ = 0;
};

constexpr int kHistories = 300;

TEST_P(LedgerModelTest, hundreds_of_histories_end_as_the_model_says) {
  // Say TIMMY_LEDGER_SEED=N to play others.
  const char* given = std::getenv("TIMMY_LEDGER_SEED");
  const auto base = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  const auto first = base + kHistories * static_cast<std::uint64_t>(GetParam());
  for (auto seed = first; seed < first + kHistories && !HasFailure(); ++seed)
    play(seed, static_cast<int>(10 + seed % 30));
  EXPECT_GT(refused_by_own_, kHistories / 6) << "or caps of runs' own were hardly tried";
  EXPECT_GT(lowered_by_own_, kHistories / 30);
  EXPECT_GT(refused_for_holds_, kHistories / 6) << "or what calls hold was hardly in the way";
}

// Each a program run of its own, so that machines with many cores play them at once.
INSTANTIATE_TEST_SUITE_P(, LedgerModelTest, testing::Range(0, 7));

}  // namespace
}  // namespace host
