// SPDX-License-Identifier: Apache-2.0
//
// The ledger across midnight, reboots and clocks that are set.
#include <gmock/gmock.h>

#include "tokens/ledger_fixture.hpp"

namespace host {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

class LedgerDayTest : public LedgerTest {
 protected:
  LedgerDayTest() { budget(R"({"day": {"tokens": 100, "when_reached": "queue_until_reset"}})"); }
};

TEST_F(LedgerDayTest, caps_begin_anew_at_midnight) {
  EXPECT_TRUE(reserve(100));
  EXPECT_FALSE(reserve(1));
  loop_.fake_clock().suspend(hours(12));
  EXPECT_TRUE(reserve(100));
}

TEST_F(LedgerDayTest, a_run_across_midnight_charges_the_day_of_its_reservation) {
  const auto yesterday = ledger_->today();
  const auto reservation = reserve(50).value();
  loop_.fake_clock().suspend(hours(13));
  const auto held = hold(reservation, 30, 30).value();
  EXPECT_TRUE(settle(held.id, 30, 30));
  EXPECT_EQ(account(yesterday, Dimension::day, "").settled, Tokens(60));
  EXPECT_EQ(account(Dimension::day), Account());
  EXPECT_EQ(number("SELECT day FROM ledger"), yesterday);
  EXPECT_TRUE(reserve(100)) << "today's is whole";
  // Yesterday's cap holds for this run, and a new one is not to wait for another midnight.
  const auto refused = hold(reservation, 41, 0).error();
  EXPECT_EQ(refused.code(), Code::unavailable);
  EXPECT_THAT(refused.message(), HasSubstr("has begun anew at 2026-01-06T00:00:00Z for new runs"));
}

TEST_F(LedgerDayTest, what_a_dead_host_left_open_is_charged_to_its_day) {
  const auto yesterday = ledger_->today();
  (void)hold(reserve(50).value(), 30, 30).value();
  loop_.fake_clock().suspend(hours(13));
  EXPECT_EQ(start().holds, 1);
  EXPECT_EQ(account(yesterday, Dimension::day, "").settled, Tokens(60));
  EXPECT_EQ(account(Dimension::day), Account());
}

TEST_F(LedgerDayTest, a_clock_that_is_set_renews_nothing) {
  EXPECT_TRUE(reserve(100));
  loop_.fake_clock().set_wall(parse_utc("2026-01-09"));
  EXPECT_FALSE(reserve(1));
  start();
  EXPECT_TRUE(logged("the clock was set forwards by"));
  EXPECT_FALSE(reserve(101));
  EXPECT_EQ(format_utc(ledger_->next_reset()), "2026-01-06T00:00:00Z");
  EXPECT_EQ(ledger_->clock_shift(), hours(84));
}

TEST_F(LedgerDayTest, a_reboot_into_the_past_renews_nothing) {
  loop_.fake_clock().suspend(hours(24));
  EXPECT_TRUE(reserve(100));
  loop_.fake_clock().set_wall(parse_utc("2026-01-05T12:00:00Z"));
  start("boot 2");
  EXPECT_EQ(account(Dimension::day).runs, 1);
  start("boot 2");
  EXPECT_EQ(account(Dimension::day).runs, 1);
}

TEST_F(LedgerDayTest, a_reboot_into_the_future_begins_a_day) {
  EXPECT_TRUE(reserve(100));
  loop_.fake_clock().set_wall(parse_utc("2026-01-09"));
  start("boot 2");
  EXPECT_TRUE(reserve(100));
}

TEST_F(LedgerDayTest, the_operator_may_accept_the_clock) {
  EXPECT_TRUE(reserve(100));
  loop_.fake_clock().set_wall(parse_utc("2026-01-09"));
  EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->accept_clock(done); }));
  EXPECT_TRUE(reserve(100, spender("nightly", "1.2")));
  start();
  EXPECT_EQ(account(Dimension::day).runs, 1);
  EXPECT_EQ(day_text(ledger_->today()), "2026-01-09");
}

TEST_F(LedgerDayTest, a_day_that_is_accepted_begins_a_generation_where_there_is_a_budget) {
  const auto before = ledger_->budget_generation();
  EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->accept_clock(done); }));
  EXPECT_EQ(ledger_->budget_generation(), before + 1);
  EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->withdraw_budget(done); }));
  EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->accept_clock(done); }));
  EXPECT_EQ(ledger_->budget_generation(), before + 1);
  start();
  EXPECT_EQ(ledger_->budget_generation(), before + 1);
}

TEST_F(LedgerDayTest, a_budget_with_a_zone_that_is_none_is_not_taken) {
  auto budget = *ledger_->budget();
  budget.zone = "Mars/Olympus";
  EXPECT_EQ(wait<Done>([&](auto done) { ledger_->set_budget(budget, done); }).error().code(),
            Code::invalid);
  EXPECT_EQ(ledger_->budget()->zone, "UTC");
}

TEST_F(LedgerDayTest, an_accepted_clock_ends_pauses) {
  budget(R"({"day": {"tokens": 100, "when_reached": "pause"}})");
  EXPECT_TRUE(settle(hold(reserve(0).value(), 100, 0).value().id, 100, 0));
  EXPECT_FALSE(reserve(1));
  EXPECT_EQ(ledger_->pauses().size(), 1u);
  EXPECT_TRUE(wait<Done>([&](auto done) { ledger_->accept_clock(done); }));
  EXPECT_TRUE(ledger_->pauses().empty());
}

TEST_F(LedgerDayTest, the_day_is_that_of_the_budgets_zone) {
  budget(R"({"zone": "Pacific/Auckland", "day": {"tokens": 100}})");
  EXPECT_EQ(day_text(ledger_->today()), "2026-01-06");
  EXPECT_EQ(format_utc(ledger_->next_reset()), "2026-01-06T11:00:00Z");
  // Back in a zone where it is still yesterday, nothing is lent from the day after.
  EXPECT_TRUE(reserve(100));
  budget(R"({"day": {"tokens": 100}})");
  EXPECT_EQ(day_text(ledger_->today()), "2026-01-06");
  EXPECT_FALSE(reserve(1));
}

}  // namespace
}  // namespace host
