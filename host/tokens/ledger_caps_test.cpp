// SPDX-License-Identifier: Apache-2.0
//
// What happens when a cap is reached: refusals, pauses, warnings, costs.
#include <gmock/gmock.h>

#include "tokens/ledger_fixture.hpp"

namespace host {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;

class LedgerCapsTest : public LedgerTest {
 protected:
  // Uses so many tokens, in one call of one run.
  void use(std::int64_t tokens, const Spender& who = spender()) {
    const auto reservation = reserve(0, who).value();
    const auto held = hold(reservation, tokens, 0).value();
    (void)settle(held.id, tokens, 0).value();
    (void)release(reservation);
  }
};

// Refusals.

TEST_F(LedgerCapsTest, a_refusal_says_which_cap_how_much_is_left_and_when_it_begins_anew) {
  budget(R"({"pipelines": {"nightly": {"tokens": 100}}})");
  use(90);
  const auto refused = hold(reserve(0).value(), 15, 10).error();
  EXPECT_EQ(refused.code(), Code::denied);
  EXPECT_EQ(refused.message(),
            "the cap of 100 tokens on pipeline \"nightly\" each day has 10 tokens left and 25 "
            "tokens were asked for; it begins anew at 2026-01-06T00:00:00Z");
  EXPECT_THAT(refused.next_step(), HasSubstr("token_budget.json"));
}

TEST_F(LedgerCapsTest, where_waiting_helps_the_code_says_so) {
  budget(R"({"day": {"tokens": 100, "when_reached": "queue_until_reset"}})");
  use(90);
  EXPECT_EQ(reserve(11).error().code(), Code::rate_limited);
  EXPECT_EQ(format_utc(ledger_->next_reset()), "2026-01-06T00:00:00Z");
}

TEST_F(LedgerCapsTest, waiting_does_not_help_who_asks_for_more_than_the_whole_cap) {
  budget(R"({"day": {"tokens": 100, "when_reached": "pause"}})");
  const auto refused = reserve(101).error();
  EXPECT_EQ(refused.code(), Code::denied);
  EXPECT_THAT(refused.message(), HasSubstr("is less than the 101 tokens asked for"));
  EXPECT_TRUE(ledger_->pauses().empty());
}

TEST_F(LedgerCapsTest, of_two_caps_the_one_that_waiting_does_not_help_against_is_named) {
  Spender who = spender();
  who.repo = "o/n";
  who.issue = 3;
  budget(R"({"day": {"tokens": 50, "when_reached": "queue_until_reset"},
             "issue": {"tokens": 50}})");
  use(45, who);
  const auto refused = reserve(10, who).error();
  EXPECT_EQ(refused.code(), Code::denied);
  EXPECT_THAT(refused.message(), HasSubstr("on issue o/n#3 has 5 tokens left"));
  EXPECT_THAT(refused.message(), HasSubstr("it never begins anew"));
}

TEST_F(LedgerCapsTest, a_cap_lowered_below_what_is_used_grants_nothing) {
  budget(R"({"day": {"tokens": 100}})");
  const auto reservation = reserve(60).value();
  (void)hold(reservation, 30, 0).value();
  budget(R"({"day": {"tokens": 50}})");
  // 30 held and 30 free: of the free ones only 20 are within the cap.
  EXPECT_FALSE(hold(reservation, 21, 0));
  EXPECT_TRUE(hold(reservation, 20, 0));
  EXPECT_FALSE(hold(reservation, 1, 0));
  EXPECT_EQ(standing(Dimension::day)->left(), Tokens());
  budget(R"({"day": {"tokens": 101}})");
  EXPECT_TRUE(hold(reservation, 10, 41)) << "what is free of the reservation, and 41 that are left";
}

// What others hold.

TEST_F(LedgerCapsTest, a_cap_of_which_calls_hold_what_is_left_pauses_nothing) {
  budget(R"({"pipelines": {"code": {"tokens": 18000, "when_reached": "pause"}}})");
  const auto first = hold(reserve(0, spender("code", "1.1")).value(), 100, 16384).value();
  const auto second = reserve(0, spender("code", "2.1")).value();
  const auto refused = hold(second, 2102, 1000).error();
  EXPECT_EQ(refused.code(), Code::busy);
  EXPECT_EQ(refused.message(),
            "the cap of 18000 tokens on pipeline \"code\" each day has 1516 tokens left and 3102 "
            "tokens were asked for; 16484 tokens are held by calls under way");
  EXPECT_EQ(refused.next_step(), "Ask again in some seconds, when they have ended.");
  EXPECT_TRUE(ledger_->pauses().empty());
  EXPECT_FALSE(standing(Dimension::pipeline, "code")->reached());
  (void)settle(first.id, 60, 50).value();
  EXPECT_TRUE(ledger_->pauses().empty());
  EXPECT_TRUE(hold(second, 2102, 1000)) << "17890 are left";
}

TEST_F(LedgerCapsTest, whatever_a_cap_says_and_begins_anew_or_not_its_holds_pass) {
  for (const char* caps : {R"({"day": {"tokens": 100}})", R"({"issue": {"tokens": 100}})",
                           R"({"day": {"tokens": 100, "when_reached": "queue_until_reset"}})",
                           R"({"day": {"tokens": 100, "when_reached": "pause"}})"}) {
    SCOPED_TRACE(caps);
    budget(caps);
    Spender who = spender();
    who.repo = "o/n";
    who.issue = 3;
    const auto reservation = reserve(60, who).value();
    const auto held = hold(reservation, 50, 0).value();
    EXPECT_EQ(reserve(41, who).error().code(), Code::busy);
    EXPECT_THAT(reserve(100, who).error().message(),
                HasSubstr("50 tokens are held by calls under way and 10 tokens are reserved by "
                          "runs under way"));
    EXPECT_NE(reserve(101, who).error().code(), Code::busy) << "never, whoever ends";
    (void)drop(held.id);
    (void)release(reservation);
  }
  EXPECT_TRUE(ledger_->pauses().empty());
}

TEST_F(LedgerCapsTest, what_is_used_stands_in_the_way_for_longer_than_what_is_held) {
  budget(R"({"day": {"tokens": 100, "when_reached": "queue_until_reset"},
             "run": {"tokens": 50}})");
  use(30, spender("nightly", "2.1"));
  use(30, spender("nightly", "3.1"));
  const auto run = reserve(0).value();
  const auto held = hold(run, 39, 0).value();
  const auto refused = hold(run, 41, 0).error();
  EXPECT_EQ(refused.code(), Code::rate_limited) << "of the run's cap there is enough when it ends";
  EXPECT_THAT(refused.message(), HasSubstr("each day has 1 tokens left"));
  EXPECT_EQ(hold(run, 40, 0).error().code(), Code::busy);
  (void)drop(held.id);
  EXPECT_TRUE(hold(run, 40, 0));
}

TEST_F(LedgerCapsTest, money_that_calls_hold_comes_back_as_well) {
  budget(R"({"day": {"cost": 0.01, "when_reached": "pause"},
             "prices": {"openai/gpt-4o": {"input": 10, "output": 20}}})");
  const auto run = reserve(0).value();
  const auto held = hold(run, 200, 300).value();
  const auto refused = hold(run, 201, 0).error();
  EXPECT_EQ(refused.code(), Code::busy);
  EXPECT_THAT(refused.message(), HasSubstr("$0.008 are held by calls under way"));
  EXPECT_TRUE(ledger_->pauses().empty());
  (void)settle(held.id, 200, 300).value();
  EXPECT_EQ(hold(run, 201, 0).error().code(), Code::rate_limited);
  EXPECT_FALSE(ledger_->pauses().empty());
}

TEST_F(LedgerCapsTest, an_issue_is_capped_over_all_its_attempts) {
  budget(R"({"issue": {"tokens": 100}})");
  Spender who = spender("nightly", "1.1");
  who.repo = "O/N";
  who.issue = 3;
  use(60, who);
  loop_.fake_clock().suspend(hours(48));
  who.run = "1.2";
  who.attempt = 2;
  EXPECT_FALSE(hold(reserve(0, who).value(), 41, 0));
  EXPECT_TRUE(hold(reserve(0, who).value(), 40, 0));
}

TEST_F(LedgerCapsTest, each_run_has_its_cap) {
  budget(R"({"run": {"tokens": 100}})");
  use(100, spender("nightly", "1.1"));
  EXPECT_FALSE(reserve(1, spender("nightly", "1.1")));
  EXPECT_TRUE(reserve(100, spender("nightly", "1.2")));
}

// Caps of a run's own.

class OwnCapsTest : public LedgerCapsTest {
 protected:
  static OwnCap own(std::int64_t tokens, Dimension dimension = Dimension::run) {
    return {dimension, Tokens(tokens), "the run's own cap", "Raise it."};
  }
  // Of 10 tokens of input, and of `output` ones or as few as one.
  Result<Hold> hold_under(ReservationId reservation, std::int64_t output,
                          std::vector<OwnCap> caps) {
    return hold(reservation, 10, output, 1, kModel, std::move(caps));
  }
};

TEST_F(OwnCapsTest, it_lowers_a_hold_and_refuses_the_next_before_anything_is_spent) {
  budget(R"({"day": {"tokens": 10000}})");
  const auto run = reserve(0).value();
  const auto held = hold_under(run, 500, {own(300)}).value();
  EXPECT_EQ(held.output, Tokens(290));
  (void)settle(held.id, 10, 290).value();
  const auto refused = hold_under(run, 500, {own(300)}).error();
  EXPECT_EQ(refused.code(), Code::denied);
  EXPECT_EQ(refused.message(),
            "the run's own cap has 0 tokens left and 11 tokens were asked for; it never begins "
            "anew");
  EXPECT_EQ(refused.next_step(), "Raise it.");
}

TEST_F(OwnCapsTest, what_a_call_gives_back_is_there_for_the_next) {
  budget(R"({"day": {"tokens": 10000}})");
  const auto run = reserve(0).value();
  (void)settle(hold_under(run, 500, {own(300)}).value().id, 10, 20).value();
  EXPECT_EQ(hold_under(run, 500, {own(300)}).value().output, Tokens(260));
}

TEST_F(OwnCapsTest, the_tightest_of_all_binds_and_is_named) {
  budget(R"({"run": {"tokens": 200}})");
  const auto run = reserve(0).value();
  EXPECT_EQ(hold_under(run, 500, {own(150)}).value().output, Tokens(140));
  EXPECT_EQ(hold_under(run, 35, {own(300)}).value().output, Tokens(35));
  // Of the 200 there are 5 left, of the others 2 and 105.
  EXPECT_THAT(hold_under(run, 500, {own(197)}).error().message(),
              HasSubstr("the run's own cap has 2 tokens left"));
  EXPECT_THAT(hold_under(run, 500, {own(300)}).error().message(),
              HasSubstr("the cap of 200 tokens on run 1.1 has 5 tokens left"));
}

TEST_F(OwnCapsTest, over_a_pipeline_it_counts_what_others_hold_there) {
  budget(R"({"day": {"tokens": 10000}})");
  (void)hold(reserve(0, spender("nightly", "2.1")).value(), 100, 100).value();
  (void)hold(reserve(0, spender("other", "3.1")).value(), 100, 100).value();
  EXPECT_EQ(hold_under(reserve(0).value(), 500, {own(300, Dimension::pipeline)}).value().output,
            Tokens(90));
}

TEST_F(OwnCapsTest, one_over_an_account_that_the_run_has_none_of_grants_nothing) {
  budget(R"({"day": {"tokens": 10000}})");
  EXPECT_EQ(hold_under(reserve(0).value(), 500, {own(300, Dimension::issue)}).error().code(),
            Code::internal);
}

TEST_F(OwnCapsTest, they_stand_as_the_accounts_that_they_are_over_do) {
  budget(R"({"day": {"tokens": 10000}})");
  Spender who = spender("code", "7.1");
  who.playbook = "fixer";
  who.repo = "Org/App";
  who.issue = 12;
  const auto run = reserve(0, who).value();
  (void)settle(hold(run, 100, 50).value().id, 100, 30).value();
  (void)hold(run, 20, 30).value();
  (void)hold(reserve(40, spender("code", "8.1")).value(), 10, 0).value();
  auto daily = own(1000, Dimension::pipeline);
  daily.what = "tokens_per_day of the lane code, 1000,";
  const auto over = reserve(0, spender("code", "9.1")).value();
  (void)release(over);
  const auto all =
      wait<std::vector<OwnStanding>>([&](auto done) {
        ledger_->own_standings(
            {{run, {own(500), daily, own(9, Dimension::model)}}, {over, {own(700)}}}, done);
      }).value();
  ASSERT_EQ(all.size(), 2u) << "of what is over, and of a model that is not known, there is none";
  EXPECT_EQ(all[0].spender.playbook, "fixer");
  EXPECT_EQ(all[0].spender.issue, 12);
  EXPECT_EQ(all[0].standing.name, "7.1");
  EXPECT_EQ(all[0].standing.settled, Tokens(130));
  EXPECT_EQ(all[0].standing.held, Tokens(50));
  EXPECT_EQ(all[0].standing.left(), Tokens(320));
  EXPECT_FALSE(all[0].standing.reset);
  EXPECT_EQ(all[1].what, "tokens_per_day of the lane code, 1000");
  EXPECT_EQ(all[1].standing.held, Tokens(60));
  EXPECT_EQ(all[1].standing.reserved, Tokens(30));
  EXPECT_EQ(all[1].standing.left(), Tokens(780));
  EXPECT_EQ(format_utc(*all[1].standing.reset), "2026-01-06T00:00:00Z");
}

// Costs.

constexpr const char* kPriced = R"({
  "day": {"cost": 0.01},
  "prices": {"openai/gpt-4o": {"input": 10, "output": 20, "cache_read": 1},
             "local/*": {"input": 0, "output": 0}}})";

TEST_F(LedgerCapsTest, a_hold_holds_the_most_that_it_can_cost) {
  budget(kPriced);
  const auto reservation = reserve(0).value();
  const auto held = hold(reservation, 200, 300).value();
  EXPECT_EQ(to_text(account(Dimension::day).cost_held), "$0.008");
  EXPECT_THAT(hold(reservation, 201, 0).error().message(),
              HasSubstr("the cap of $0.01 each day has $0.002 left and $0.00201 were asked"));
  EXPECT_EQ(to_text(*settle(held.id, 200, 100).value().cost), "$0.004");
  EXPECT_EQ(account(Dimension::day).cost_held, Cost());
  EXPECT_TRUE(hold(reservation, 200, 200));
}

TEST_F(LedgerCapsTest, a_hold_is_lowered_to_what_there_is_money_for) {
  budget(kPriced);
  EXPECT_EQ(hold(reserve(0).value(), 200, 1000, 1).value().output, Tokens(400));
}

TEST_F(LedgerCapsTest, a_model_without_a_price_under_a_cost_cap_is_an_error) {
  budget(kPriced);
  const auto refused = hold(reserve(0).value(), 1, 1, {}, {"openai", "o3"}).error();
  EXPECT_EQ(refused.code(), Code::invalid);
  EXPECT_THAT(refused.message(), HasSubstr("openai/o3 has no price"));
}

TEST_F(LedgerCapsTest, so_is_a_reservation_that_names_one) {
  budget(kPriced);
  const auto refused = reserve(10, spender(), ModelName{"openai", "o3"}).error();
  EXPECT_EQ(refused.code(), Code::invalid);
  EXPECT_THAT(refused.message(), HasSubstr("openai/o3 has no price"));
  EXPECT_EQ(account(Dimension::day), Account());
  EXPECT_TRUE(reserve(10, spender(), kModel));
}

TEST_F(LedgerCapsTest, what_was_used_without_a_price_is_charged_and_told) {
  budget(R"({"day": {"tokens": 1000}})");
  const auto reservation = reserve(100).value();
  const auto held = hold(reservation, 10, 10).value();
  EXPECT_TRUE(settle(held.id, 10, 5));
  EXPECT_FALSE(logged("without a cost")) << "nobody caps it";
  const auto other = hold(reservation, 10, 10).value();
  budget(R"({"day": {"cost": 1}, "prices": {"local/*": {"input": 0, "output": 0}}})");
  EXPECT_TRUE(settle(other.id, 10, 6));
  EXPECT_TRUE(logged("16 tokens of openai/gpt-4o by nightly are charged without a cost"));
  EXPECT_EQ(account(Dimension::day).settled, Tokens(31));
}

TEST_F(LedgerCapsTest, what_costs_nothing_goes_on_when_the_money_is_spent) {
  budget(kPriced);
  const auto reservation = reserve(0).value();
  const auto held = hold(reservation, 500, 250).value();
  EXPECT_TRUE(settle(held.id, 500, 300));
  EXPECT_FALSE(hold(reservation, 1, 0));
  EXPECT_TRUE(hold(reservation, 100, 100, {}, {"local", "llama"}));
}

TEST_F(LedgerCapsTest, the_rows_of_an_overrun_cost_together_what_the_call_did) {
  budget(kPriced);
  const auto held = hold(reserve(0).value(), 100, 100).value();
  EXPECT_TRUE(settle(held.id, {TokenUsage{Tokens(100), Tokens(150), Tokens(50), {}, {}}}));
  EXPECT_THAT(rows(), ElementsAre("meter 100+100 $0.00255", "overrun 0+50 $0.001"));
  EXPECT_EQ(to_text(account(Dimension::day).cost_settled), "$0.00355");
}

TEST_F(LedgerCapsTest, fewer_but_dearer_tokens_than_held_are_an_overrun_of_money) {
  budget(kPriced);
  const auto held = hold(reserve(0).value(), 100, 100).value();
  const auto charge = settle(held.id, 20, 150).value();
  EXPECT_EQ(charge.overrun, Tokens());
  EXPECT_THAT(rows(), ElementsAre("meter 20+150 $0.003", "overrun 0+0 $0.0002"));
}

TEST_F(LedgerCapsTest, a_price_that_is_taken_away_under_a_call_leaves_what_was_held) {
  budget(kPriced);
  const auto held = hold(reserve(0).value(), 100, 100).value();
  budget(R"({"day": {"cost": 0.01}, "prices": {"local/*": {"input": 0, "output": 0}}})");
  EXPECT_EQ(to_text(*settle(held.id, 1, 1).value().cost), "$0.003");
}

TEST_F(LedgerCapsTest, what_was_open_when_the_host_died_costs_the_most_it_can) {
  budget(kPriced);
  (void)hold(reserve(0).value(), 100, 100).value();
  start();
  EXPECT_THAT(rows(), ElementsAre("hold 100+100 $0.003"));
  EXPECT_EQ(account(Dimension::day).cost_held, Cost());
}

// Pauses.

constexpr const char* kPausing =
    R"({"pipelines": {"nightly": {"tokens": 100, "when_reached": "pause"}}})";

TEST_F(LedgerCapsTest, a_pipeline_that_has_used_its_cap_pauses_until_it_begins_anew) {
  budget(kPausing);
  use(60);
  EXPECT_TRUE(ledger_->pauses().empty());
  use(40);
  ASSERT_EQ(ledger_->pauses().size(), 1u);
  const auto& pause = ledger_->pauses().at("nightly");
  EXPECT_EQ(pause.cause, "the cap of 100 tokens on pipeline \"nightly\" each day is reached");
  EXPECT_EQ(format_utc(pause.since), "2026-01-05T12:00:00Z");
  EXPECT_EQ(format_utc(pause.until), "2026-01-06T00:00:00Z");
  EXPECT_EQ(pause_changes_, 1);
  loop_.advance(hours(12) - std::chrono::seconds(1));
  EXPECT_EQ(ledger_->pauses().size(), 1u);
  loop_.advance(std::chrono::seconds(1));
  EXPECT_TRUE(ledger_->pauses().empty());
  EXPECT_EQ(pause_changes_, 2);
  EXPECT_EQ(number("SELECT count(*) FROM token_pauses"), 0);
  EXPECT_TRUE(reserve(100));
}

TEST_F(LedgerCapsTest, a_refusal_pauses_too) {
  budget(R"({"day": {"tokens": 100, "when_reached": "pause"}})");
  use(60);
  EXPECT_FALSE(reserve(41));
  ASSERT_EQ(ledger_->pauses().size(), 1u);
  EXPECT_EQ(ledger_->pauses().at("nightly").cause, "the cap of 100 tokens each day is reached");
}

TEST_F(LedgerCapsTest, a_pause_outlives_a_restart_and_ends_after_a_sleep) {
  budget(kPausing);
  use(100);
  start();
  EXPECT_EQ(ledger_->pauses().size(), 1u);
  // The timer's clock stands still meanwhile.
  loop_.fake_clock().suspend(hours(13));
  loop_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(ledger_->pauses().empty());
}

TEST_F(LedgerCapsTest, a_raised_cap_ends_the_pause_and_a_lowered_one_does_not) {
  budget(kPausing);
  use(100);
  budget(R"({"pipelines": {"nightly": {"tokens": 90, "when_reached": "pause"}}})");
  EXPECT_EQ(ledger_->pauses().size(), 1u);
  budget(R"({"pipelines": {"nightly": {"tokens": 90, "when_reached": "pause"}},
             "run": {"tokens": 5}})");
  EXPECT_EQ(ledger_->pauses().size(), 1u);
  budget(R"({"pipelines": {"nightly": {"tokens": 110, "when_reached": "pause"}}})");
  EXPECT_TRUE(ledger_->pauses().empty());
}

TEST_F(LedgerCapsTest, an_issue_or_a_run_pauses_nothing) {
  budget(R"({"run": {"tokens": 100}})");
  use(100);
  EXPECT_FALSE(reserve(1));
  EXPECT_TRUE(ledger_->pauses().empty());
}

// Warnings and standings.

TEST_F(LedgerCapsTest, a_warning_is_given_once_at_its_level) {
  budget(R"({"day": {"tokens": 100, "warn_at": 0.5}})");
  use(49);
  EXPECT_FALSE(standing(Dimension::day)->warned());
  EXPECT_FALSE(logged("are used of"));
  use(1);
  EXPECT_TRUE(standing(Dimension::day)->warned());
  EXPECT_TRUE(logged("50 tokens are used of the cap of 100 tokens each day"));
  lines_->clear();
  use(49);
  EXPECT_FALSE(logged("are used of"));
  EXPECT_FALSE(standing(Dimension::day)->reached());
  use(1);
  EXPECT_TRUE(standing(Dimension::day)->reached());
  EXPECT_TRUE(logged("the cap of 100 tokens each day is reached"));
}

TEST_F(LedgerCapsTest, standings_show_each_cap) {
  budget(R"({"day": {"tokens": 1000}, "pipelines": {"*": {"tokens": 100}, "idle": {"runs": 3}},
             "run": {"tokens": 90}})");
  use(10);
  const auto reservation = reserve(40).value();
  (void)hold(reservation, 30, 0).value();
  const auto nightly = standing(Dimension::pipeline, "nightly");
  ASSERT_TRUE(nightly);
  EXPECT_EQ(nightly->settled, Tokens(10));
  EXPECT_EQ(nightly->held, Tokens(30));
  EXPECT_EQ(nightly->reserved, Tokens(10));
  EXPECT_EQ(nightly->left(), Tokens(50));
  EXPECT_EQ(nightly->runs, 1) << "it is one run";
  EXPECT_EQ(format_utc(*nightly->reset), "2026-01-06T00:00:00Z");
  EXPECT_EQ(standing(Dimension::pipeline, "idle")->left(), kMostTokens);
  EXPECT_EQ(standing(Dimension::day)->left(), Tokens(950));
  EXPECT_EQ(standing(Dimension::run, "1.1")->left(), Tokens(40));
  EXPECT_FALSE(standing(Dimension::run, "1.1")->reset);
  EXPECT_FALSE(standing(Dimension::run, ""));
}

}  // namespace
}  // namespace host
