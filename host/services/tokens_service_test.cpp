// SPDX-License-Identifier: Apache-2.0
#include "services/tokens_service.hpp"

#include <gmock/gmock.h>

#include "services/runs.hpp"
#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TokensServiceTest : public ServiceBench {
 protected:
  TokensServiceTest() {
    cap(1000);
    table_.add(make_tokens_service(ledger_, store_, [this](int keep) {
      kept_ = keep;
      return std::optional<std::string>("/h/token_usage-2026-01-05.jsonl");
    }));
  }
  // On the pipeline of the bench's task.
  void cap(std::int64_t tokens, WhenReached when = WhenReached::refuse) {
    Budget budget;
    budget.caps[Dimension::pipeline]["triage_task"] = {.tokens = Tokens(tokens), .when = when};
    ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
    loop_.drain();
  }
  std::shared_ptr<RunContext> begin(const Json& grants = nullptr) {
    auto run = open(grants);
    run->pipeline = "triage_task";
    return run;
  }
  std::int64_t reserve(const RunContext& run, std::int64_t tokens) {
    return call(run, "tokens/1.reserve", {{"tokens", tokens}}).value()["reservation"];
  }
  Json used(std::int64_t reservation, std::int64_t input, std::int64_t output) {
    return {{"reservation", reservation},
            {"provider", "acme"},
            {"model", "small"},
            {"input_tokens", input},
            {"output_tokens", output}};
  }
  // Ends the run as the host does, with this result.
  void end(const std::shared_ptr<RunContext>& run, const std::string& result,
           Verdict::Kind kind = Verdict::Kind::completed) {
    Runs runs(
        table_, ledger_, waits_, loop_.clock(), [](const RunnableTask&) { return Runs::Terms(); },
        [](JobId, const RunnableTask&, const Verdict&, JobState) {},
        [](const RunnableTask&, const Verdict&) {});
    Verdict verdict{.kind = kind, .result = result};
    closing_ = runs.closed(run->run, verdict);
    queue_.finish(run->run, verdict, {},
                  [this](Unit& unit, JobState) {
                    if (closing_.charge) closing_.charge(unit);
                  },
                  {});
    loop_.drain();
  }
  std::vector<std::string> ledger() {
    return rows(
        "SELECT source || ' ' || pipeline || ' ' || provider || '/' || model || ' ' || input || '+'"
        " || output FROM ledger ORDER BY id");
  }
  std::string account() {
    return rows(
               "SELECT settled || ' ' || held || ' ' || reserved FROM accounts"
               " WHERE dimension='pipeline' AND name='triage_task'")
        .at(0);
  }

  RunHooks::Closing closing_;
  int kept_ = 0;
};

TEST_F(TokensServiceTest, ACallOfThePluginsOwnIsSettledInItsReservation) {
  const auto run = begin();
  const auto reservation = reserve(*run, 500);
  EXPECT_EQ(account(), "0 0 500");
  ASSERT_TRUE(call(*run, "tokens/1.settle", used(reservation, 120, 30)).ok());
  EXPECT_THAT(ledger(), ElementsAre("reported triage_task acme/small 120+30"));
  EXPECT_EQ(account(), "150 0 350");
  end(run, "{}");
  EXPECT_EQ(account(), "150 0 0") << "what was free goes back with the run";
}

TEST_F(TokensServiceTest, WhatWasUsedAboveTheCapStandsInTheBooksAllTheSame) {
  const auto run = begin();
  const auto reservation = reserve(*run, 1000);
  ASSERT_TRUE(call(*run, "tokens/1.settle", used(reservation, 0, 1400)).ok());
  EXPECT_EQ(account(), "1400 0 0");
  ASSERT_TRUE(call(*run, "tokens/1.settle", used(reservation, 20, 30)).ok())
      << "also once there is less than nothing left";
  EXPECT_EQ(account(), "1450 0 0");
  EXPECT_EQ(call(*begin(), "tokens/1.reserve", {{"tokens", 1}}).error().code(), Code::denied);
}

TEST_F(TokensServiceTest, ACallOfAModelWithoutAPriceThatACostCapAsksForStandsInTheBooksToo) {
  const auto run = begin();
  const auto reservation = reserve(*run, 100);
  Budget budget;
  budget.caps[Dimension::pipeline]["triage_task"] = {.cost = Cost(1)};
  ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  ASSERT_TRUE(call(*run, "tokens/1.settle", used(reservation, 20, 30)).ok());
  EXPECT_EQ(account(), "50 0 50");
}

TEST_F(TokensServiceTest, ACallThatEndedAfterTheBudgetWasTakenAwayStandsInTheBooksToo) {
  const auto run = begin();
  const auto reservation = reserve(*run, 100);
  ledger_.withdraw_budget([](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  ASSERT_TRUE(call(*run, "tokens/1.settle", used(reservation, 20, 30)).ok());
  EXPECT_EQ(account(), "50 0 50");
  EXPECT_EQ(call(*run, "tokens/1.reserve", {{"tokens", 1}}).error().code(), Code::unavailable);
}

TEST_F(TokensServiceTest, AReservationThatComesWhenTheRunIsOverGoesBackAtOnce) {
  const auto run = begin();
  table_.call({run->run, run->plugin, run->task, "tokens/1.reserve", R"({"tokens": 500})"},
              [](Result<std::string>) {});
  end(run, "{}");
  loop_.drain();
  EXPECT_EQ(account(), "0 0 0");
}

TEST_F(TokensServiceTest, AReservationIsTheRunsOwn) {
  const auto reservation = reserve(*begin(), 10);
  const auto other = begin();
  for (const char* method : {"settle", "release"})
    EXPECT_EQ(
        call(*other, std::string("tokens/1.") + method, used(reservation, 1, 1)).error().code(),
        Code::usage)
        << method;
}

TEST_F(TokensServiceTest, AReservationForAModelNamesItAsItsCapDoes) {
  Budget budget;
  budget.caps[Dimension::model]["acme/small"] = {.tokens = Tokens(100)};
  ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  const auto run = begin();
  const auto refusal = [&](const Json& model) {
    Json params{{"tokens", 200}};
    params.update(model);
    const auto reserved = call(*run, "tokens/1.reserve", params);
    return reserved.ok() ? Code::internal : reserved.error().code();
  };
  EXPECT_EQ(refusal({{"model", "small"}}), Code::usage);
  EXPECT_EQ(refusal({{"provider", "acme"}}), Code::usage);
  for (const Json& model :
       {Json{{"provider", "acme"}, {"model", "small"}},
        Json{{"provider", "acme"}, {"model", "ACME/Small"}}, Json{{"model", "acme/small"}}})
    EXPECT_EQ(refusal(model), Code::denied) << "the cap is over it: " << model;
}

TEST_F(TokensServiceTest, ARefusalSaysWhichCapAndHowMuchIsLeft) {
  const auto run = begin();
  (void)call(*run, "tokens/1.settle", used(reserve(*run, 900), 800, 100));
  const auto refused = call(*run, "tokens/1.reserve", {{"tokens", 200}}).error();
  EXPECT_EQ(refused.code(), Code::denied);
  EXPECT_THAT(refused.what(), HasSubstr("triage_task"));
  EXPECT_THAT(refused.what(), HasSubstr("100"));
  end(run, "{}", Verdict::Kind::failed);
  EXPECT_FALSE(closing_.wait) << "waiting does not help where the cap says refuse";
}

TEST_F(TokensServiceTest, AJobWaitsForTheResetWhereTheCapSaysSo) {
  cap(100, WhenReached::queue_until_reset);
  const auto run = begin();
  (void)call(*run, "tokens/1.settle", used(reserve(*run, 60), 30, 30));
  EXPECT_EQ(call(*run, "tokens/1.reserve", {{"tokens", 60}}).error().code(), Code::rate_limited);
  end(run, "", Verdict::Kind::failed);
  ASSERT_TRUE(closing_.wait);
  EXPECT_EQ(*closing_.wait, std::chrono::hours(12)) << "it is noon, and the day ends at midnight";
}

TEST_F(TokensServiceTest, AJobWaitsShortlyForWhatOthersHoldWhateverTheCapSays) {
  for (const auto when :
       {WhenReached::refuse, WhenReached::pause, WhenReached::queue_until_reset}) {
    cap(100, when);
    const auto other = begin();
    (void)reserve(*other, 60);
    const auto run = begin();
    const auto refused = call(*run, "tokens/1.reserve", {{"tokens", 60}}).error();
    EXPECT_EQ(refused.code(), Code::busy);
    EXPECT_TRUE(refused.transient());
    EXPECT_THAT(refused.what(), HasSubstr("60 tokens are reserved by runs under way"));
    end(run, "", Verdict::Kind::failed);
    EXPECT_EQ(closing_.wait, Duration(std::chrono::seconds(30)));
    EXPECT_FALSE(closing_.note_wait) << "a new budget has nothing to bring forward";
    end(other, "{}");
  }
  EXPECT_TRUE(ledger_.pauses().empty());
}

TEST_F(TokensServiceTest, ReportsAndTheNumbersOfTheResultAreChargedWithTheRunsEnd) {
  const auto run = begin();
  ASSERT_TRUE(
      call(*run, "tokens/1.report", {{"provider", "acme"}, {"model", "small"}, {"input_tokens", 5}})
          .ok());
  EXPECT_THAT(ledger(), IsEmpty());
  end(run, R"({"input_tokens": 7, "output_tokens": 2})");
  EXPECT_THAT(ledger(),
              ElementsAre("reported triage_task acme/small 5+0", "reported triage_task / 7+2"));
}

TEST_F(TokensServiceTest, WhatARunReportsAfterMidnightIsOfTheDayOfItsFirstReservation) {
  const auto run = begin();
  const auto late = begin();
  const auto yesterday = ledger_.today();
  (void)reserve(*run, 10);
  loop_.fake_clock().suspend(std::chrono::hours(13));
  ASSERT_EQ(ledger_.today(), yesterday + 1);
  (void)reserve(*run, 10);
  (void)reserve(*late, 10);
  end(run, R"({"input_tokens": 7})");
  end(late, R"({"input_tokens": 8})");
  EXPECT_THAT(rows("SELECT input || ' ' || (day - " + std::to_string(yesterday) +
                   ") FROM ledger ORDER BY id"),
              ElementsAre("7 0", "8 1"));
}

TEST_F(TokensServiceTest, WhatAFailedRunReportedIsChargedToo) {
  const auto run = begin();
  ASSERT_TRUE(call(*run, "tokens/1.report", {{"output_tokens", 3}}).ok());
  end(run, "", Verdict::Kind::crashed);
  EXPECT_THAT(ledger(), ElementsAre("reported triage_task / 0+3"));
}

TEST_F(TokensServiceTest, APluginReadsOfThePipelinesThatItIsGranted) {
  EXPECT_EQ(call(*begin(), "tokens/1.standings").error().code(), Code::not_granted);
  const auto all = begin({{"tokens.read", {"*"}}});
  (void)call(*all, "tokens/1.settle", used(reserve(*all, 10), 3, 4));
  const auto one = begin({{"tokens.read", {"triage_task"}}});
  const auto other = begin({{"tokens.read", {"nightly"}}});
  EXPECT_EQ(call(*one, "tokens/1.standings").value()["standings"].size(), 1u);
  EXPECT_EQ(call(*other, "tokens/1.standings").value()["standings"].size(), 0u);
  const auto models = [&](const RunContext& run) {
    return call(run, "tokens/1.usage", {{"dimension", "model"}}).value()["usage"];
  };
  EXPECT_EQ(models(*all)[0]["total_tokens"], 7);
  EXPECT_THAT(models(*one), IsEmpty()) << "a model is no pipeline";
  EXPECT_EQ(call(*all, "tokens/1.usage", {{"dimension", "moon"}}).error().code(), Code::usage);
}

TEST_F(TokensServiceTest, TheLogIsPutAwayForThoseWhoMay) {
  EXPECT_EQ(call(*begin(), "tokens/1.rotate_log").error().code(), Code::not_granted);
  const auto run = begin({{"tokens.rotate", {"*"}}});
  EXPECT_EQ(call(*run, "tokens/1.rotate_log", {{"keep", 7}}).value()["file"],
            "/h/token_usage-2026-01-05.jsonl");
  EXPECT_EQ(kept_, 7);
}

TEST_F(TokensServiceTest, NumbersThatAreNoneAreRefused) {
  const auto run = begin();
  for (const Json& tokens : {Json(0), Json(-1), Json("many"), Json(1.5)})
    EXPECT_EQ(call(*run, "tokens/1.reserve", {{"tokens", tokens}}).error().code(), Code::usage)
        << tokens;
  EXPECT_EQ(call(*run, "tokens/1.nothing").error().code(), Code::usage);
}

}  // namespace
}  // namespace host
