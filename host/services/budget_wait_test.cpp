// SPDX-License-Identifier: Apache-2.0
#include "services/budget_wait.hpp"

#include <gmock/gmock.h>

#include "services/runs.hpp"
#include "services/test_bench.hpp"
#include "services/tokens_service.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BudgetWaitTest : public ServiceBench {
 protected:
  BudgetWaitTest() {
    table_.add(make_tokens_service(ledger_, store_, {}));
    queue_.set_ready_handler([this](const std::string& task) { ready_.insert(task); });
    ledger_.set_budget_handler([this] { waits_.end_outdated(); });
    cap(100);
    take(60);
  }
  // By a run that goes on, for good.
  void take(std::int64_t tokens) {
    const auto run = open(nullptr);
    const auto reserved = call(*run, "tokens/1.reserve", {{"tokens", tokens}});
    ASSERT_TRUE(reserved.ok());
    ASSERT_TRUE(call(*run, "tokens/1.settle",
                     {{"reservation", reserved.value()["reservation"]},
                      {"provider", "acme"},
                      {"model", "small"},
                      {"input_tokens", tokens}})
                    .ok());
  }
  static Budget capped(std::int64_t tokens) {
    Budget budget;
    budget.caps[Dimension::day][""] = {.tokens = Tokens(tokens),
                                       .when = WhenReached::queue_until_reset};
    return budget;
  }
  void cap(std::int64_t tokens) {
    ledger_.set_budget(capped(tokens), [](const Status& status) { ASSERT_TRUE(status.ok()); });
    loop_.drain();
  }
  void accept_clock() {
    ledger_.accept_clock([](const Status& status) { ASSERT_TRUE(status.ok()); });
    loop_.drain();
  }
  // On the store as it is.
  void host_starts() {
    Ledger ledger(store_, loop_, loop_.clock(), log_, "allegro", "this boot");
    BudgetWaits waits(queue_, loop_, log_);
    ledger.recover([&](const Result<Ledger::Recovery>& account) {
      ASSERT_TRUE(account.ok());
      waits.end_outdated();
    });
    loop_.drain();
    EXPECT_EQ(ledger.budget_generation(), ledger_.budget_generation());
  }
  // By the present budget.
  std::function<void(Unit&)> noting(RunId run, Duration wait) {
    return waits_.noting(run, ledger_.budget_generation(), wait);
  }
  // A run that asks for more than is left, and fails.
  JobId refused() {
    const auto run = open(nullptr);
    ask_in_vain(*run);
    end(run->run);
    return run->run.job;
  }
  void ask_in_vain(const RunContext& run) {
    EXPECT_EQ(call(run, "tokens/1.reserve", {{"tokens", 60}}).error().code(), Code::rate_limited);
  }
  // The next run of the job that is available.
  RunId claim() {
    std::optional<RunId> run;
    queue_.claim("triage_task", 1,
                 [&](Result<Claimed> jobs) { run = jobs.value().jobs.at(0).run; });
    loop_.drain();
    return run.value();
  }
  void end(RunId run) {
    Runs runs(
        table_, ledger_, waits_, loop_.clock(), [](const RunnableTask&) { return Runs::Terms(); },
        [](JobId, const RunnableTask&, const Verdict&, JobState) {},
        [](const RunnableTask&, const Verdict&) {});
    Verdict verdict{.kind = Verdict::Kind::failed};
    const auto closing = runs.closed(run, verdict);
    if (closing.wait) verdict = {.kind = Verdict::Kind::snoozed, .delay = closing.wait};
    queue_.finish(run, verdict, {},
                  [closing](Unit& unit, JobState) {
                    if (closing.note_wait) closing.note_wait(unit);
                  },
                  {});
    loop_.drain();
  }
  // Of all jobs but that which goes on.
  std::vector<std::string> states() {
    return rows("SELECT state FROM jobs WHERE id > 1 ORDER BY id");
  }
  std::vector<std::string> notes() { return rows("SELECT job FROM budget_waits ORDER BY id"); }

  std::set<std::string> ready_;
};

TEST_F(BudgetWaitTest, AJobThatWaitsForACapIsAvailableWhenTheCapIsAnotherOne) {
  refused();
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  ready_.clear();
  cap(1000);
  EXPECT_THAT(states(), ElementsAre("available"));
  EXPECT_THAT(ready_, ElementsAre("triage_task"));
  EXPECT_THAT(rows("SELECT attempt FROM jobs WHERE id > 1"), ElementsAre("0")) << "at no cost";
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(BudgetWaitTest, OneThatIsRefusedAgainWaitsAgain) {
  refused();
  cap(110);
  auto context = std::make_shared<RunContext>();
  context->run = claim();
  context->plugin = "triage";
  context->task = "triage_task";
  table_.open(context);
  table_.begin(context->run);
  ask_in_vain(*context);
  end(context->run);
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  EXPECT_THAT(notes(), ElementsAre("2"));
}

TEST_F(BudgetWaitTest, WhatWaitsForAnythingElseStaysAsItIs) {
  end(open(nullptr)->run);
  const auto other = running_job();
  queue_.finish(other, {.kind = Verdict::Kind::snoozed, .delay = std::chrono::hours(1)}, {}, {},
                {});
  loop_.drain();
  cap(1000);
  EXPECT_THAT(states(), ElementsAre("retryable", "scheduled"));
}

TEST_F(BudgetWaitTest, AJobThatHasRunSinceIsLeftToItsNewOrders) {
  queue_.run_now(refused(), {});
  loop_.drain();
  queue_.finish(claim(), {.kind = Verdict::Kind::snoozed, .delay = std::chrono::hours(1)}, {}, {},
                {});
  loop_.drain();
  cap(1000);
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(BudgetWaitTest, MoreThanOneTransactionTakesAreAllBroughtForward) {
  for (int i = 0; i < 450; ++i) refused();
  cap(1000);
  EXPECT_THAT(rows("SELECT count(*) FROM jobs WHERE state='available'"), ElementsAre("450"));
}

TEST_F(BudgetWaitTest, NoWaitBeginsWhereTheBudgetHasChangedSinceItRefused) {
  const auto run = open(nullptr);
  ask_in_vain(*run);
  cap(1000);
  ready_.clear();
  end(run->run);
  EXPECT_THAT(states(), ElementsAre("available"));
  EXPECT_THAT(ready_, ElementsAre("triage_task"));
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(BudgetWaitTest, AnEndThatTheStoreTakesOnlyAfterTheChangeWaitsForNothing) {
  const auto run = open(nullptr);
  ask_in_vain(*run);
  store_.fail_next(Error(Code::io, "disk full"));
  end(run->run);
  ASSERT_THAT(states(), ElementsAre("running"));
  cap(1000);
  loop_.advance(std::chrono::seconds(5));
  EXPECT_THAT(states(), ElementsAre("available"));
}

TEST_F(BudgetWaitTest, ABudgetThatComesWhileTheAnswerIsOnItsWayDidNotRefuse) {
  const auto run = open(nullptr);
  std::optional<Result<std::string>> answer;
  // The reservation is asked for under the old one, and answered as the new one is on its way.
  table_.call({run->run, run->plugin, run->task, "tokens/1.reserve", R"({"tokens": 60})"},
              [&](Result<std::string> reply) { answer = std::move(reply); });
  ledger_.set_budget(capped(1000), [](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  ASSERT_EQ(answer->error().code(), Code::rate_limited);
  end(run->run);
  EXPECT_THAT(states(), ElementsAre("available"));
}

TEST_F(BudgetWaitTest, WhatIsAskedForBehindABudgetGoesByIt) {
  const auto run = open(nullptr);
  std::optional<Result<std::string>> answer;
  ledger_.set_budget(capped(1000), [](const Status& status) { ASSERT_TRUE(status.ok()); });
  table_.call({run->run, run->plugin, run->task, "tokens/1.reserve", R"({"tokens": 60})"},
              [&](Result<std::string> reply) { answer = std::move(reply); });
  loop_.drain();
  EXPECT_TRUE(answer->ok());
}

TEST_F(BudgetWaitTest, WithoutABudgetTheyWaitForOne) {
  refused();
  ledger_.withdraw_budget([](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  host_starts();
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  cap(1000);
  EXPECT_THAT(states(), ElementsAre("available"));
}

TEST_F(BudgetWaitTest, AnAcceptedClockBringsThemForward) {
  refused();
  loop_.fake_clock().set_wall(parse_utc("2026-01-09"));
  loop_.drain();
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  accept_clock();
  EXPECT_THAT(states(), ElementsAre("available"));
}

TEST_F(BudgetWaitTest, AHostThatStartsLeavesThoseThatItsBudgetRefused) {
  refused();
  host_starts();
  EXPECT_THAT(states(), ElementsAre("scheduled"));
}

TEST_F(BudgetWaitTest, AHostThatStartsEndsTheWaitsThatANewBudgetHadToEnd) {
  refused();
  ledger_.set_budget_handler({});  // killed in between
  cap(1000);
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  host_starts();
  EXPECT_THAT(states(), ElementsAre("available"));
}

TEST_F(BudgetWaitTest, AHostThatStartsEndsTheWaitsThatAnAcceptedClockHadToEnd) {
  refused();
  ledger_.set_budget_handler({});  // killed in between
  accept_clock();
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  host_starts();
  EXPECT_THAT(states(), ElementsAre("available"));
}

TEST_F(BudgetWaitTest, EndingThemIsTriedAgainWhereTheStoreCantWrite) {
  for (int i = 0; i < 250; ++i) refused();
  ledger_.set_budget_handler({});
  cap(1000);
  store_.fail_next(Error(Code::io, "disk full"));
  waits_.end_outdated();
  loop_.drain();
  EXPECT_THAT(rows("SELECT count(*) FROM jobs WHERE state='available'"), ElementsAre("0"));
  loop_.advance(std::chrono::seconds(2));
  EXPECT_THAT(rows("SELECT count(*) FROM jobs WHERE state='available'"), ElementsAre("250"));
}

TEST_F(BudgetWaitTest, AWaitThatHasPassedLeavesTheJobToItsOwnDelay) {
  const auto run = open(nullptr)->run;
  queue_.finish(run, {.kind = Verdict::Kind::snoozed, .delay = std::chrono::hours(6)}, {},
                [note = noting(run, std::chrono::hours(1))](Unit& unit, JobState) { note(unit); },
                {});
  loop_.drain();
  loop_.advance(std::chrono::hours(2));
  cap(1000);
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(BudgetWaitTest, NotesOfThePastGo) {
  for (int i = 0; i < 3; ++i) refused();
  EXPECT_THAT(notes(), SizeIs(3));
  loop_.fake_clock().suspend(std::chrono::hours(24));
  take(60);
  refused();
  EXPECT_THAT(notes(), SizeIs(1));
}

TEST_F(BudgetWaitTest, NotesOfThePastGoFromBehindThoseThatWaitLonger) {
  const RunId run{JobId(7), RunLease(1)};
  store_.run_now([&](Unit& unit) {
    for (int i = 0; i < 5; ++i) noting(run, std::chrono::hours(9))(unit);
    noting(run, std::chrono::hours(1))(unit);
  });
  EXPECT_THAT(notes(), SizeIs(6));
  loop_.advance(std::chrono::hours(2));
  store_.run_now([&](Unit& unit) { noting(run, std::chrono::hours(9))(unit); });
  EXPECT_THAT(notes(), SizeIs(6));
}

}  // namespace
}  // namespace host
