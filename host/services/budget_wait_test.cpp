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
    ledger_.set_budget_handler([this] { waits_.end_all_but(""); });
    cap(100);
    take(60);
  }
  // By a run that goes on.
  void take(std::int64_t tokens) {
    ASSERT_TRUE(call(*open(nullptr), "tokens/1.reserve", {{"tokens", tokens}}).ok());
  }
  void cap(std::int64_t tokens) {
    Budget budget;
    budget.caps[Dimension::day][""] = {.tokens = Tokens(tokens),
                                       .when = WhenReached::queue_until_reset};
    ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
    loop_.drain();
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
        table_, ledger_, loop_.clock(), [](const RunnableTask&) { return Runs::Terms(); },
        [](JobId, const RunnableTask&, const Verdict&, JobState) {},
        [](const RunnableTask&, const Verdict&) {});
    Verdict verdict{.kind = Verdict::Kind::failed};
    const auto closing = runs.closed(run, verdict);
    if (closing.wait) verdict = {.kind = Verdict::Kind::snoozed, .delay = closing.wait};
    queue_.finish(run, verdict, {},
                  [closing](Unit& unit, JobState) {
                    if (closing.waits) closing.waits(unit);
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
  BudgetWaits waits_{queue_, log_};
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

TEST_F(BudgetWaitTest, AHostThatStartsBringsForwardOnlyWhatAnotherBudgetRefused) {
  refused();
  waits_.end_all_but(ledger_.budget_mark());
  loop_.drain();
  EXPECT_THAT(states(), ElementsAre("scheduled"));
  waits_.end_all_but("that of tomorrow");
  loop_.drain();
  EXPECT_THAT(states(), ElementsAre("available"));
}

TEST_F(BudgetWaitTest, NotesOfThePastGo) {
  for (int i = 0; i < 3; ++i) refused();
  EXPECT_THAT(notes(), SizeIs(3));
  loop_.fake_clock().suspend(std::chrono::hours(24));
  take(60);
  refused();
  EXPECT_THAT(notes(), SizeIs(1));
}

}  // namespace
}  // namespace host
