// SPDX-License-Identifier: Apache-2.0
//
// The way of a call of another thread to the ledger: here the two loops are moved by hand.
#include "tokens/call_ledger.hpp"

#include <gmock/gmock.h>

#include "tokens/ledger_fixture.hpp"

namespace host {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

class CallLedgerTest : public LedgerTest {
 protected:
  CallLedgerTest() {
    budget(R"({"day": {"tokens": 1000}})");
    reservation_ = reserve(0).value();
    calls_ = make_call_ledger(*ledger_, loop_, callers_);
  }

  void ask_hold(std::int64_t input, std::int64_t output) {
    hold_.reset();
    calls_->hold(reservation_, {kModel, Tokens(input), Tokens(output), Tokens(output)},
                 [this](Result<Hold> hold) { hold_ = std::move(hold); });
  }
  void ask_settle(HoldId hold, std::int64_t input, std::int64_t output) {
    charge_.reset();
    calls_->settle(hold, {TokenUsage{Tokens(input), Tokens(output), {}, {}, {}}},
                   [this](Result<Charge> charge) { charge_ = std::move(charge); });
  }
  // As far as both loops come by themselves.
  void drain() {
    for (int turn = 0; turn < 4; ++turn) loop_.drain(), callers_.drain();
  }
  std::int64_t held() { return account(Dimension::day).held.count(); }
  std::int64_t settled() { return account(Dimension::day).settled.count(); }

  FakeLoop callers_;
  ReservationId reservation_;
  std::unique_ptr<CallLedger> calls_;
  std::optional<Result<Hold>> hold_;
  std::optional<Result<Charge>> charge_;
};

TEST_F(CallLedgerTest, ACallNeedsNoTurnOfTheLedgersLoop) {
  ask_hold(10, 20);
  EXPECT_FALSE(hold_) << "answered from inside the call";
  callers_.drain();
  ASSERT_TRUE(hold_ && hold_->ok());
  EXPECT_EQ(held(), 30);
  ask_settle(hold_->value().id, 10, 5);
  callers_.drain();
  ASSERT_TRUE(charge_ && charge_->ok());
  EXPECT_EQ(settled(), 15);
  ask_hold(10, 20);
  callers_.drain();
  std::optional<Status> dropped;
  calls_->drop(hold_->value().id, [&](const Status& status) { dropped = status; });
  callers_.drain();
  EXPECT_TRUE(dropped && dropped->ok());
  EXPECT_EQ(held(), 0);
}

TEST_F(CallLedgerTest, TheNextHoldComesBehindTheSettlementOfTheOneBefore) {
  ask_hold(500, 500);
  callers_.drain();
  ask_settle(hold_->value().id, 10, 5);
  ask_hold(400, 500);
  callers_.drain();
  EXPECT_TRUE(hold_->ok()) << "what was settled is free for it";
}

TEST_F(CallLedgerTest, WhatADecisionLeadsToBesidesItsAnswerBelongsToTheLedgersLoop) {
  budget(R"({"pipelines": {"nightly": {"tokens": 50, "when_reached": "pause"}}})");
  int rows = 0;
  ledger_->set_rows_handler([&] { ++rows; });
  ask_hold(100, 100);
  callers_.drain();
  ASSERT_TRUE(hold_ && !hold_->ok());
  EXPECT_THAT(hold_->error().what(), HasSubstr("50 tokens"));
  EXPECT_TRUE(ledger_->pauses().empty());
  loop_.drain();
  EXPECT_TRUE(ledger_->pauses().contains("nightly"));
  ask_hold(10, 10);
  callers_.drain();
  ask_settle(hold_->value().id, 10, 5);
  callers_.drain();
  EXPECT_EQ(rows, 0);
  loop_.drain();
  EXPECT_EQ(rows, 1);
}

TEST_F(CallLedgerTest, ABudgetCountsForCallsFromWhenItIsInForce) {
  budget(R"({"day": {"tokens": 20}})");
  ask_hold(10, 20);
  callers_.drain();
  EXPECT_FALSE(hold_->ok());
  (void)wait<Done>([&](auto done) { ledger_->withdraw_budget(done); }).value();
  ask_hold(1, 1);
  callers_.drain();
  EXPECT_FALSE(hold_) << "without one it is for the ledger's loop to say";
  drain();
  ASSERT_TRUE(hold_ && !hold_->ok());
  EXPECT_EQ(hold_->error().code(), Code::unavailable);
}

TEST_F(CallLedgerTest, TheFirstOfADayTakesItsDayOverTheLedgersLoop) {
  loop_.fake_clock().suspend(hours(24));
  ask_hold(1, 1);
  callers_.drain();
  EXPECT_FALSE(hold_);
  drain();
  ASSERT_TRUE(hold_ && hold_->ok());
  ask_hold(1, 1);
  callers_.drain();
  EXPECT_TRUE(hold_ && hold_->ok()) << "from then on the day is known";
  // The day is kept: a host that starts again is not before it.
  const auto day = ledger_->today();
  loop_.fake_clock().set_wall(loop_.clock().wall() - hours(48));
  start("boot 2");
  EXPECT_EQ(ledger_->today(), day);
}

TEST_F(CallLedgerTest, AHoldThatTheStoreCannotWriteIsRefusedAtOnce) {
  store_.fail_next(Error(Code::rate_limited, "the queue is full"));
  ask_hold(1, 1);
  callers_.drain();
  ASSERT_TRUE(hold_ && !hold_->ok());
  EXPECT_EQ(hold_->error().code(), Code::unavailable) << "no cap's word";
}

TEST_F(CallLedgerTest, WhatTheStoreCannotWriteIsSettledOnceItCan) {
  ask_hold(10, 20);
  callers_.drain();
  store_.fail_next(Error(Code::unavailable, "the disk is full"), 2);
  ask_settle(hold_->value().id, 10, 5);
  drain();
  EXPECT_FALSE(charge_);
  loop_.advance(std::chrono::seconds(2));
  callers_.drain();
  ASSERT_TRUE(charge_ && charge_->ok());
  EXPECT_EQ(settled(), 15);
  ask_settle(hold_->value().id, 10, 5);
  callers_.drain();
  ASSERT_TRUE(charge_ && !charge_->ok());
  EXPECT_EQ(charge_->error().code(), Code::conflict);
}

TEST_F(CallLedgerTest, NobodyIsAnsweredWhoHasGone) {
  ask_hold(10, 20);
  calls_.reset();
  drain();
  EXPECT_FALSE(hold_);
  EXPECT_EQ(held(), 30) << "charged at the next start";
}

}  // namespace
}  // namespace host
