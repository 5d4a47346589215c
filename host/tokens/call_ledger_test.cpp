// SPDX-License-Identifier: Apache-2.0
//
// The way of a call of another thread to the ledger: here the two loops are moved by hand.
#include "tokens/call_ledger.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/test_folder.hpp"
#include "store/threaded_store.hpp"
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
  void say_settled(HoldId hold, std::int64_t input, std::int64_t output) {
    charge_.reset();
    calls_->settle(hold, {TokenUsage{Tokens(input), Tokens(output), {}, {}, {}}},
                   [this](Result<Charge> charge) { charge_ = std::move(charge); });
  }
  // The store has it, and the ledger doesn't know yet.
  void change_budget(const std::string& json) {
    ledger_->set_budget(parse_budget(json, "f"), [](const Status&) {});
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
  say_settled(hold_->value().id, 10, 5);
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
  say_settled(hold_->value().id, 10, 5);
  ask_hold(400, 500);
  callers_.drain();
  EXPECT_TRUE(hold_->ok()) << "what was settled is free for it";
}

TEST_F(CallLedgerTest, WhatADecisionLeadsToBesidesItsAnswerBelongsToTheLedgersLoop) {
  budget(R"({"pipelines": {"nightly": {"tokens": 50, "when_reached": "pause"}}})");
  int rows = 0;
  ledger_->set_rows_handler([&] { ++rows; });
  ask_hold(20, 20);
  callers_.drain();
  say_settled(hold_->value().id, 20, 20);
  callers_.drain();
  EXPECT_EQ(rows, 0);
  loop_.drain();
  EXPECT_EQ(rows, 1);
  ask_hold(10, 10);
  callers_.drain();
  ASSERT_TRUE(hold_ && !hold_->ok());
  EXPECT_THAT(hold_->error().what(), HasSubstr("50 tokens"));
  EXPECT_TRUE(ledger_->pauses().empty());
  loop_.drain();
  EXPECT_TRUE(ledger_->pauses().contains("nightly"));
}

TEST_F(CallLedgerTest, APauseThatIsHeardOfLateIsNotOneThatANewBudgetHasEnded) {
  budget(R"({"pipelines": {"nightly": {"tokens": 40, "when_reached": "pause"}}})");
  ask_hold(20, 20);
  callers_.drain();
  say_settled(hold_->value().id, 20, 20);
  budget(R"({"pipelines": {"nightly": {"tokens": 400, "when_reached": "pause"}}})");
  EXPECT_EQ(number("SELECT count(*) FROM token_pauses"), 0);
  drain();
  ASSERT_TRUE(charge_ && charge_->ok());
  EXPECT_TRUE(ledger_->pauses().empty());
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

TEST_F(CallLedgerTest, NothingByAnOldBudgetReachesTheStoreBehindTheNextOne) {
  change_budget(R"({"day": {"tokens": 20}})");
  ask_hold(10, 20);
  callers_.drain();
  EXPECT_FALSE(hold_) << "it waits for what the store says of the new one";
  EXPECT_EQ(held(), 0);
  drain();
  ASSERT_TRUE(hold_ && !hold_->ok());
  EXPECT_THAT(hold_->error().what(), HasSubstr("20 tokens"));
  ask_hold(10, 10);
  callers_.drain();
  EXPECT_TRUE(hold_ && hold_->ok()) << "and the desk is open again";
}

TEST_F(CallLedgerTest, AChangeThatCannotBeWrittenLeavesTheOldBudgetInForce) {
  store_.fail_next(Error(Code::unavailable, "the disk is full"));
  change_budget(R"({"day": {"tokens": 20}})");
  ask_hold(10, 20);
  drain();
  EXPECT_TRUE(hold_ && hold_->ok());
  ask_hold(10, 20);
  callers_.drain();
  EXPECT_TRUE(hold_ && hold_->ok());
}

TEST_F(CallLedgerTest, ACapThatIsGonePausesNobodyAnyMore) {
  budget(R"({"pipelines": {"nightly": {"tokens": 40, "when_reached": "pause"}}})");
  ask_hold(20, 20);
  callers_.drain();
  change_budget(R"({"pipelines": {"nightly": {"tokens": 400, "when_reached": "pause"}}})");
  say_settled(hold_->value().id, 20, 20);
  drain();
  ASSERT_TRUE(charge_ && charge_->ok());
  EXPECT_TRUE(ledger_->pauses().empty());
}

TEST_F(CallLedgerTest, TheNextHoldDoesNotOvertakeASettlementThatWaitedForABudget) {
  ask_hold(500, 500);
  callers_.drain();
  ledger_->set_budget(parse_budget(R"({"day": {"tokens": 1001}})", "f"), [this](const Status&) {
    ask_hold(400, 500);  // the desk takes it, while the settlement is still to reach the ledger
  });
  say_settled(hold_->value().id, 10, 5);
  drain();
  ASSERT_TRUE(hold_);
  EXPECT_TRUE(hold_->ok());
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
  say_settled(hold_->value().id, 10, 5);
  drain();
  EXPECT_FALSE(charge_);
  loop_.advance(std::chrono::seconds(2));
  callers_.drain();
  ASSERT_TRUE(charge_ && charge_->ok());
  EXPECT_EQ(settled(), 15);
  say_settled(hold_->value().id, 10, 5);
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

// A thread with a loop of its own, whose runs hold and settle until they are refused.
class Caller {
 public:
  Caller(Ledger& ledger, Loop& ledgers, int number, std::atomic<int>& running)
      : calls_(make_call_ledger(ledger, ledgers, loop_)), number_(number), running_(running) {}

  void begin(int runs) {
    running_ += left_ = runs;
    thread_ = std::thread([this, runs] {
      for (int run = 1; run <= runs; ++run) reserve(run);
      io_.run();
    });
  }
  void join() { thread_.join(); }
  [[nodiscard]] int granted() const { return granted_; }

 private:
  void reserve(int run) {
    Spender who;
    who.pipeline = "race";
    who.run = std::to_string(number_) + "." + std::to_string(run);
    calls_->reserve({who, Tokens(run % 2 == 0 ? 100 : 0), {}},
                    [this](Result<ReservationId> id) { id ? hold(id.value()) : finish(); });
  }
  void hold(ReservationId reservation) {
    calls_->hold(reservation, {kModel, Tokens(20), Tokens(80), Tokens(0)},
                 [this, reservation](Result<Hold> hold) {
                   if (!hold) return release(reservation);
                   // The next one is asked for before this one is known to be settled.
                   if (++granted_ % 7 == 0) return drop(reservation, hold.value());
                   settle(reservation, hold.value());
                 });
  }
  void settle(ReservationId reservation, const Hold& hold) {
    const TokenUsage usage{hold.input, Tokens(hold.output.count() / 2), {}, {}, {}};
    calls_->settle(hold.id, {usage}, [](const Result<Charge>& charge) { EXPECT_TRUE(charge); });
    this->hold(reservation);
  }
  void drop(ReservationId reservation, const Hold& hold) {
    calls_->drop(hold.id, [](const Status& dropped) { EXPECT_TRUE(dropped); });
    this->hold(reservation);
  }
  void release(ReservationId reservation) {
    calls_->release(reservation, [this](const Status&) { finish(); });
  }
  void finish() {
    --running_;
    if (--left_ == 0) guard_.reset();
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  SystemClock clock_;
  AsioLoop loop_{io_, clock_};
  std::unique_ptr<CallLedger> calls_;
  int number_;
  int left_ = 0;
  int granted_ = 0;
  std::atomic<int>& running_;
  std::thread thread_;
};

class CallLedgerRaceTest : public testing::Test {
 protected:
  CallLedgerRaceTest() { watch(); }

  // Notes each grant that takes more than the cap of the budget that the store has by then. A cap
  // that is lowered below what is taken already takes nothing back.
  void watch() {
    store_.run_now([](Unit& unit) {
      unit.run("CREATE TABLE passed(taken INTEGER, cap INTEGER)");
      unit.run(
          "CREATE TRIGGER watch AFTER UPDATE ON accounts WHEN new.dimension = 'pipeline' AND "
          "new.settled + new.held + new.reserved > old.settled + old.held + old.reserved BEGIN "
          "INSERT INTO passed SELECT new.settled + new.held + new.reserved AS taken, "
          "iif(instr(value, '16000'), 16000, 20000) AS cap FROM settings "
          "WHERE key = 'token_budget' AND taken > cap; END");
    });
  }
  // Alternates between two budgets for as long as anybody runs.
  void change_budgets(bool lower) {
    const std::string cap = lower ? "16000" : "20000";
    const auto budget = parse_budget(R"({"pipelines": {"race": {"tokens": )" + cap + "}}}", "f");
    ledger_.set_budget(budget, [this, lower](const Status& set) {
      EXPECT_TRUE(set);
      ++changes_;
      // The desk is open until this is answered.
      ledger_.standings([this, lower](const Result<std::vector<Standing>>& standings) {
        EXPECT_TRUE(standings);
        if (running_ > 0) change_budgets(!lower);
      });
    });
  }
  std::int64_t number(const char* sql) {
    return store_.run_now([sql](Unit& unit) {
      auto& row = unit.query(sql);
      row.step();
      return row.integer(0);
    });
  }

  TestFolder folder_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  SystemClock clock_;
  AsioLoop loop_{io_, clock_};
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  ThreadedStore store_{
      {.path = folder_ / "host.db"}, loop_, log_, [](const Error& error) { throw error; }};
  Ledger ledger_{store_, loop_, clock_, log_, "allegro", "boot 1"};
  std::atomic<int> running_ = 1;
  int changes_ = 0;
};

TEST_F(CallLedgerRaceTest, ThreadsRaceForTheLastTokensOfABudgetThatChangesAndNoneGetsPast) {
  ledger_.recover([&](const Result<Ledger::Recovery>& recovered) {
    EXPECT_TRUE(recovered);
    change_budgets(false);
  });
  while (!ledger_.budget()) io_.run_one();
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 1; i <= 3; ++i) {
    callers.push_back(std::make_unique<Caller>(ledger_, loop_, i, running_));
    callers.back()->begin(5);
  }
  --running_;
  while (running_ > 0) io_.run_one_for(std::chrono::milliseconds(50));
  int granted = 0;
  for (const auto& each : callers) each->join(), granted += each->granted();
  guard_.reset();
  io_.run();
  callers.clear();
  EXPECT_GT(granted, 200);
  EXPECT_GT(changes_, 10);
  EXPECT_EQ(number("SELECT count(*) FROM passed"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM holds"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM reservations"), 0);
  const auto settled = number("SELECT settled FROM accounts WHERE name='race'");
  EXPECT_EQ(settled, number("SELECT sum(input + output) FROM ledger"));
  EXPECT_LE(settled, 20000);
  EXPECT_GT(settled, 13000) << "as far as there was any";
}

}  // namespace
}  // namespace host
