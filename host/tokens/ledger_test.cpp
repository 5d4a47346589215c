// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger.hpp"

#include <gmock/gmock.h>

#include "tokens/ledger_fixture.hpp"

namespace host {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;

// Without a budget.

TEST_F(LedgerTest, without_a_budget_nothing_is_granted) {
  const auto refused = reserve(10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::unavailable);
  EXPECT_THAT(refused.error().what(), HasSubstr("token_budget.json"));
}

TEST_F(LedgerTest, the_last_good_caps_hold_after_a_restart) {
  budget(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(start().has_budget);
  EXPECT_TRUE(reserve(100));
  EXPECT_FALSE(reserve(1));
}

// Reservations.

TEST_F(LedgerTest, a_generation_begins_with_each_budget_that_comes_into_force) {
  const auto first = ledger_->budget_generation();
  int heard = 0;
  ledger_->set_budget_handler([&] { ++heard; });
  budget(R"({"day": {"tokens": 100}})");
  EXPECT_EQ(ledger_->budget_generation(), first + 1);
  budget(R"({"day": {"tokens": 100}})");
  EXPECT_EQ(ledger_->budget_generation(), first + 1) << "it was in force already";
  EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->withdraw_budget(done); }));
  EXPECT_EQ(ledger_->budget_generation(), first + 1) << "nothing is granted by it";
  budget(R"({"day": {"tokens": 200}})");
  EXPECT_EQ(ledger_->budget_generation(), first + 2);
  EXPECT_EQ(heard, 2);
  start();
  EXPECT_EQ(ledger_->budget_generation(), first + 2);
}

TEST_F(LedgerTest, what_is_reserved_is_taken_from_every_account) {
  budget(R"({"day": {"tokens": 100}})");
  Spender who = spender();
  who.playbook = "fix";
  who.repo = "Owner/Name";
  who.issue = 12;
  ASSERT_TRUE(reserve(60, who, kModel));
  for (const auto& [dimension, name] :
       std::vector<std::pair<Dimension, std::string>>{{Dimension::day, ""},
                                                      {Dimension::pipeline, "nightly"},
                                                      {Dimension::playbook, "fix"},
                                                      {Dimension::model, "openai/gpt-4o"},
                                                      {Dimension::issue, "owner/name#12"},
                                                      {Dimension::run, "1.1"}}) {
    EXPECT_EQ(account(dimension, name).reserved, Tokens(60)) << host::name(dimension);
    EXPECT_EQ(account(dimension, name).runs, 1) << host::name(dimension);
  }
}

TEST_F(LedgerTest, a_reservation_past_the_cap_is_refused_and_changes_nothing) {
  budget(R"({"pipelines": {"nightly": {"tokens": 100}}})");
  ASSERT_TRUE(reserve(60));
  EXPECT_FALSE(reserve(41));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens(60));
  EXPECT_EQ(account(Dimension::day).runs, 1);
  EXPECT_TRUE(reserve(40));
}

TEST_F(LedgerTest, what_is_released_is_free_for_others) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(100).value();
  EXPECT_TRUE(release(reservation));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens());
  EXPECT_TRUE(release(reservation));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens());
  EXPECT_TRUE(reserve(100));
  EXPECT_EQ(number("SELECT count(*) FROM reservations"), 1);
}

TEST_F(LedgerTest, so_many_runs_and_no_more) {
  budget(R"({"pipelines": {"*": {"runs": 2}}})");
  EXPECT_TRUE(reserve(0));
  EXPECT_TRUE(reserve(0, spender("nightly", "1.2")));
  EXPECT_TRUE(reserve(0, spender("other", "1.3")));
  const auto refused = reserve(0, spender("nightly", "1.4"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(),
              HasSubstr("the cap of 2 runs on pipeline \"nightly\" each day has 0 runs left"));
}

TEST_F(LedgerTest, a_run_that_reserves_for_each_call_is_one_run) {
  budget(R"({"day": {"runs": 1}})");
  for (int call = 0; call < 3; ++call) {
    const auto reservation = reserve(0);
    ASSERT_TRUE(reservation) << call;
    EXPECT_TRUE(release(reservation.value()));
  }
  EXPECT_EQ(account(Dimension::day).runs, 1);
  EXPECT_FALSE(reserve(0, spender("nightly", "1.2")));
  EXPECT_TRUE(reserve(0)) << "what has begun goes on";
}

TEST_F(LedgerTest, each_reservation_that_names_a_model_counts_for_its_runs) {
  budget(R"({"models": {"openai/gpt-4o": {"runs": 1}}})");
  EXPECT_TRUE(reserve(0));
  EXPECT_TRUE(reserve(0, spender(), kModel));
  EXPECT_FALSE(reserve(0, spender(), kModel));
  EXPECT_TRUE(reserve(0, spender(), ModelName{"openai", "o3"}));
}

// Holds.

TEST_F(LedgerTest, a_hold_moves_what_is_reserved) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(80).value();
  const auto held = hold(reservation, 20, 10).value();
  EXPECT_EQ(held.output, Tokens(10));
  EXPECT_EQ(account(Dimension::day).held, Tokens(30));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens(50));
  // The model was not known, so nothing was reserved there.
  EXPECT_EQ(account(Dimension::model, "openai/gpt-4o").held, Tokens(30));
  EXPECT_EQ(account(Dimension::model, "openai/gpt-4o").reserved, Tokens());
}

TEST_F(LedgerTest, a_hold_above_the_reservation_asks_for_the_rest) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(20).value();
  EXPECT_TRUE(hold(reservation, 20, 40));
  EXPECT_EQ(account(Dimension::day).held, Tokens(60));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens());
  EXPECT_FALSE(hold(reservation, 20, 21));
  EXPECT_TRUE(hold(reservation, 20, 20));
}

TEST_F(LedgerTest, without_a_reservation_ahead_each_hold_asks_anew) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(0).value();
  const auto first = hold(reservation, 50, 50).value();
  EXPECT_FALSE(hold(reservation, 1, 0));
  EXPECT_TRUE(settle(first.id, 10, 10));
  EXPECT_TRUE(hold(reservation, 40, 40));
}

TEST_F(LedgerTest, a_hold_is_lowered_to_what_is_left) {
  budget(R"({"models": {"openai/gpt-4o": {"tokens": 100}}})");
  const auto reservation = reserve(1000).value();
  const auto held = hold(reservation, 30, 500, 10).value();
  EXPECT_EQ(held.input, Tokens(30));
  EXPECT_EQ(held.output, Tokens(70));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens(900));
  EXPECT_FALSE(hold(reservation, 1, 500, 0));
}

TEST_F(LedgerTest, a_hold_for_another_model_than_reserved_takes_from_the_reservation) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(50, spender(), kModel).value();
  const ModelName other{"openai", "o3"};
  const auto held = hold(reservation, 20, 20, {}, other).value();
  EXPECT_EQ(account(Dimension::model, "openai/gpt-4o").reserved, Tokens(10));
  EXPECT_EQ(account(Dimension::model, "openai/o3").held, Tokens(40));
  EXPECT_TRUE(settle(held.id, 10, 10));
  EXPECT_TRUE(release(reservation));
  EXPECT_EQ(account(Dimension::model, "openai/gpt-4o"), [] {
    Account only_a_run;
    only_a_run.runs = 1;
    return only_a_run;
  }());
  EXPECT_EQ(account(Dimension::model, "openai/o3").settled, Tokens(20));
}

TEST_F(LedgerTest, what_was_lent_to_another_model_comes_back_as_far_as_its_own_cap_has_room) {
  budget(R"({"models": {"openai/gpt-4o": {"tokens": 100}}})");
  const auto reservation = reserve(80, spender(), kModel).value();
  const auto held = hold(reservation, 40, 40, {}, ModelName{"openai", "o3"}).value();
  // What was lent is no longer reserved under that cap, so somebody takes it.
  EXPECT_TRUE(reserve(70, spender(), kModel));
  EXPECT_TRUE(settle(held.id, 5, 5));
  const auto model = account(Dimension::model, "openai/gpt-4o");
  EXPECT_EQ(model.taken(), Tokens(100)) << "70 of the other's, 30 of the 70 that were not used";
  EXPECT_EQ(account(Dimension::day).reserved, Tokens(100));
  EXPECT_FALSE(hold(reservation, 31, 0)) << "and no more than these may be held";
  EXPECT_TRUE(hold(reservation, 30, 0));
}

TEST_F(LedgerTest, no_hold_on_a_reservation_that_is_over) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(50).value();
  EXPECT_TRUE(release(reservation));
  EXPECT_EQ(hold(reservation, 1, 1).error().code(), Code::conflict);
}

TEST_F(LedgerTest, numbers_that_make_no_sense_are_refused) {
  budget(R"({"day": {"tokens": 100}})");
  EXPECT_EQ(reserve(-1).error().code(), Code::invalid);
  EXPECT_EQ(reserve(std::numeric_limits<std::int64_t>::max()).error().code(), Code::too_large);
  const auto reservation = reserve(0).value();
  EXPECT_EQ(hold(reservation, -1, 1).error().code(), Code::invalid);
  EXPECT_EQ(hold(reservation, 1, 1, 2).error().code(), Code::invalid);
  EXPECT_EQ(hold(reservation, std::numeric_limits<std::int64_t>::max(), 1).error().code(),
            Code::too_large);
}

// Settling.

TEST_F(LedgerTest, what_a_call_did_not_use_is_free_again) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  const auto held = hold(reservation, 30, 50).value();  // 20 of them asked for anew
  EXPECT_TRUE(settle(held.id, 30, 5));
  const auto day = account(Dimension::day);
  EXPECT_EQ(day.settled, Tokens(35));
  EXPECT_EQ(day.held, Tokens());
  EXPECT_EQ(day.reserved, Tokens(25)) << "of the 60 that were reserved";
  EXPECT_TRUE(release(reservation));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens());
}

TEST_F(LedgerTest, a_row_says_who_used_what) {
  budget(R"({"day": {"tokens": 100}})");
  Spender who = spender();
  who.playbook = "fix";
  who.repo = "owner/name";
  who.issue = 12;
  who.bypassable = true;
  const auto held = hold(reserve(60, who).value(), 30, 20).value();
  const Settlement end{TokenUsage{Tokens(30), Tokens(5), Tokens(7), Tokens(2), Tokens(3)}};
  const auto charge = settle(held.id, end).value();
  EXPECT_EQ(number("SELECT id FROM ledger WHERE host='allegro' AND plugin='triage' AND "
                   "task='triage_issues' AND pipeline='nightly' AND playbook='fix' AND job=1 AND "
                   "attempt=1 AND run='1.1' AND repo='owner/name' AND issue=12 AND "
                   "provider='openai' AND model='gpt-4o' AND input=30 AND output=5 AND "
                   "cache_read=7 AND cache_write=2 AND reasoning=3 AND cost IS NULL AND "
                   "source='meter' AND bypassable=1"),
            charge.row);
}

TEST_F(LedgerTest, a_hold_is_settled_once) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  const auto held = hold(reservation, 30, 20).value();
  EXPECT_TRUE(settle(held.id, 30, 5));
  const auto before = account(Dimension::day);
  EXPECT_EQ(settle(held.id, 30, 5).error().code(), Code::conflict);
  EXPECT_EQ(drop(held.id).error().code(), Code::conflict);
  EXPECT_EQ(account(Dimension::day), before);
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(LedgerTest, nobody_knows_what_a_call_used_so_its_hold_is_charged) {
  budget(R"({"day": {"tokens": 100}})");
  const auto held = hold(reserve(60).value(), 30, 20).value();
  EXPECT_EQ(settle(held.id, Settlement{}).value().usage.total(), Tokens(50));
  EXPECT_THAT(rows(), ElementsAre("hold 30+20"));
}

TEST_F(LedgerTest, a_call_that_never_left_costs_nothing) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  const auto held = hold(reservation, 50, 50).value();
  EXPECT_TRUE(drop(held.id));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens(60));
  EXPECT_EQ(account(Dimension::day).held, Tokens());
  EXPECT_THAT(rows(), ElementsAre());
}

TEST_F(LedgerTest, what_is_above_the_hold_is_an_overrun) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  const auto held = hold(reservation, 30, 10).value();
  const auto charge = settle(held.id, 30, 45).value();
  EXPECT_EQ(charge.overrun, Tokens(35));
  EXPECT_THAT(rows(), ElementsAre("meter 30+10", "overrun 0+35"));
  const auto day = account(Dimension::day);
  EXPECT_EQ(day.settled, Tokens(75));
  EXPECT_EQ(day.overrun, Tokens(35));
  EXPECT_EQ(day.reserved, Tokens()) << "the reservation has paid for 20 of it";
  EXPECT_EQ(day.calls, 1);
}

TEST_F(LedgerTest, an_overrun_past_the_cap_leaves_nothing) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(0).value();
  EXPECT_TRUE(settle(hold(reservation, 50, 50).value().id, 50, 80));
  EXPECT_EQ(standing(Dimension::day)->left(), Tokens());
  EXPECT_FALSE(hold(reservation, 1, 0));
  EXPECT_FALSE(reserve(1));
}

TEST_F(LedgerTest, a_hold_outlives_its_reservation) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(100).value();
  const auto held = hold(reservation, 50, 10).value();
  EXPECT_TRUE(release(reservation));
  EXPECT_EQ(account(Dimension::day).reserved, Tokens());
  EXPECT_EQ(account(Dimension::day).held, Tokens(60));
  EXPECT_TRUE(settle(held.id, 10, 10));
  EXPECT_EQ(account(Dimension::day).taken(), Tokens(20));
  EXPECT_EQ(number("SELECT count(*) FROM reservations"), 0);
}

TEST_F(LedgerTest, an_upstream_may_say_what_it_likes) {
  budget(R"({"day": {"tokens": 1000000000000000}})");
  const auto reservation = reserve(0).value();
  const auto most = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 3; ++i) {
    const auto held = hold(reservation, 1, 1).value();
    EXPECT_TRUE(settle(
        held.id, {TokenUsage{Tokens(most), Tokens(most), Tokens(-5), Tokens(most), Tokens(most)}}));
  }
  EXPECT_EQ(account(Dimension::day).settled, Tokens(6 * kMostTokensOfACall.count()));
}

// A host that died.

TEST_F(LedgerTest, what_was_open_when_the_host_died_is_charged_whole) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(80).value();
  const auto first = hold(reservation, 10, 10).value();
  (void)hold(reservation, 20, 10).value();
  EXPECT_TRUE(settle(first.id, 1, 1));
  const auto recovery = start();
  EXPECT_EQ(recovery.holds, 1);
  EXPECT_EQ(recovery.tokens, Tokens(30));
  EXPECT_EQ(account(Dimension::day).settled, Tokens(32));
  EXPECT_EQ(account(Dimension::day).taken(), Tokens(32));
  EXPECT_THAT(rows(), ElementsAre("meter 1+1", "hold 20+10"));
  EXPECT_EQ(number("SELECT count(*) FROM reservations"), 0);
  EXPECT_EQ(start().holds, 0);
}

TEST_F(LedgerTest, what_a_run_could_have_bypassed_is_known_when_its_host_has_died_too) {
  budget(R"({"day": {"tokens": 100}})");
  auto who = spender();
  who.bypassable = true;
  (void)hold(reserve(10, who).value(), 5, 5).value();
  (void)hold(reserve(10, spender("nightly", "1.2")).value(), 5, 5).value();
  start();
  EXPECT_EQ(number("SELECT count(*) FROM ledger WHERE bypassable=1 AND run='1.1'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM ledger WHERE bypassable=0 AND run='1.2'"), 1);
}

TEST_F(LedgerTest, who_counts_for_himself_did_without_the_host) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  const TokenUsage used{Tokens(10), Tokens(5), {}, {}, {}};
  EXPECT_TRUE(settle(hold(reservation, 10, 0).value().id, {used, UsageSource::reported}));
  EXPECT_TRUE(settle(hold(reservation, 10, 5).value().id, {used, UsageSource::meter}));
  EXPECT_EQ(number("SELECT count(*) FROM ledger WHERE source IN ('reported', 'overrun') AND "
                   "bypassable=1"),
            2);
  EXPECT_EQ(number("SELECT bypassable FROM ledger WHERE source='meter'"), 0);
}

// The store.

TEST_F(LedgerTest, what_was_used_already_is_charged_in_one_whenever_the_host_dies) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  ledger_->charge(reservation, {kModel, {Tokens(20), Tokens(30), {}, {}, {}}}, {});
  start();  // before anything is heard of it
  EXPECT_THAT(rows(), ElementsAre("reported 20+30"));
  EXPECT_EQ(number("SELECT bypassable FROM ledger"), 1);
  EXPECT_EQ(account(Dimension::day).taken(), Tokens(50));
}

TEST_F(LedgerTest, what_was_used_already_waits_for_a_store_that_cannot_write) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  store_.fail_next(Error(Code::io, "disk full"));
  bool charged = false;
  ledger_->charge(reservation, {kModel, {Tokens(20), Tokens(30), {}, {}, {}}},
                  [&](const Result<Charge>& charge) { charged = charge.ok(); });
  loop_.drain();
  EXPECT_FALSE(charged);
  loop_.advance(std::chrono::seconds(2));
  EXPECT_TRUE(charged);
  EXPECT_THAT(rows(), ElementsAre("reported 20+30"));
}

TEST_F(LedgerTest, a_store_that_cannot_write_grants_nothing) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(80).value();
  for (const auto code : {Code::unavailable, Code::rate_limited}) {
    store_.fail_next(Error(code, "the disk is full"));
    EXPECT_EQ(hold(reservation, 1, 1).error().code(), Code::unavailable);
  }
}

TEST_F(LedgerTest, a_settlement_waits_for_a_store_that_cannot_write) {
  budget(R"({"day": {"tokens": 100}})");
  const auto held = hold(reserve(80).value(), 10, 10).value();
  store_.fail_next(Error(Code::unavailable, "the disk is full"), 3);
  bool settled = false;
  ledger_->settle(held.id, {}, [&](const Result<Charge>& charge) { settled = charge.ok(); });
  loop_.advance(std::chrono::seconds(2));
  EXPECT_FALSE(settled);
  loop_.advance(std::chrono::seconds(2));
  EXPECT_TRUE(settled);
  EXPECT_EQ(account(Dimension::day).held, Tokens());
}

}  // namespace
}  // namespace host
