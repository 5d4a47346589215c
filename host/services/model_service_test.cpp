// SPDX-License-Identifier: Apache-2.0
#include "services/model_service.hpp"

#include <gmock/gmock.h>

#include "base/redactor.hpp"
#include "http/fake_client.hpp"
#include "services/test_bench.hpp"
#include "services/tokens_service.hpp"
#include "tokens/model_call.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kAnswer =
    R"({"choices": [{"message": {"role": "assistant", "content": "ok"}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3}})";

class ModelServiceTest : public ServiceBench {
 protected:
  ModelServiceTest() {
    cap(10'000);
    table_.add(make_model_service(models_, ledger_));
    table_.add(make_tokens_service(ledger_, store_, {}));
  }
  static std::shared_ptr<const ModelRoutes> routes() {
    auto all = std::make_shared<ModelRoutes>();
    ModelRoute route;
    route.name = "main";
    route.url = "http://127.0.0.1:9/v1";
    route.provider = "acme";
    route.models = {"*"};
    route.max_output = Tokens(100);
    all->routes = {route};
    return all;
  }
  void cap(std::int64_t tokens, WhenReached when = WhenReached::refuse) {
    Budget budget;
    budget.caps[Dimension::day][""] = {.tokens = Tokens(tokens), .when = when};
    ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
    loop_.drain();
  }
  std::shared_ptr<RunContext> begin() {
    auto run = open({{"model", {"main"}}});
    run->pipeline = "nightly";
    return run;
  }
  Result<Json> chat(const RunContext& run, Json more = Json::object()) {
    Json params{{"route", "main"},
                {"request",
                 {{"model", "small"}, {"messages", {{{"role", "user"}, {"content", "say ok"}}}}}}};
    params.update(more);
    return call(run, "model/1.chat", params);
  }

  FakeHttpClient http_{loop_};
  std::unique_ptr<CallLedger> call_ledger_ = make_call_ledger(ledger_, loop_, loop_);
  ModelGateway models_{http_, *call_ledger_, loop_, std::make_shared<Redactor>(), log_, routes()};
};

TEST_F(ModelServiceTest, AnswersWithTheModelsReplyAndChargesWhatItUsed) {
  http_.enqueue(200, kAnswer);
  const auto run = begin();
  EXPECT_EQ(chat(*run).value()["reply"]["choices"][0]["message"]["content"], "ok");
  EXPECT_THAT(rows("SELECT source || ' ' || pipeline || ' ' || run || ' ' || model || ' ' || input"
                   " || '+' || output FROM ledger"),
              ElementsAre("meter nightly 1.1 small 12+3"));
}

TEST_F(ModelServiceTest, TellsWhatTheCallWasCharged) {
  Budget budget;
  budget.caps[Dimension::day][""] = {.tokens = Tokens(10'000)};
  budget.prices["acme/small"] = {.input = 1'000'000, .output = 10'000'000};
  ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  http_.enqueue(200, kAnswer);
  const auto charged = chat(*begin()).value()["charged"];
  EXPECT_EQ(charged["total_tokens"], 15);
  EXPECT_EQ(charged["source"], "meter");
  EXPECT_DOUBLE_EQ(charged["cost_usd"].get<double>(), 42e-6);
  EXPECT_THAT(rows("SELECT cost FROM ledger"), ElementsAre("42000")) << "as the ledger has it";
}

TEST_F(ModelServiceTest, ARowSaysWhetherTheRunCouldHaveDoneWithoutTheHost) {
  for (const bool bypassable : {false, true}) {
    const auto run = begin();
    run->bypassable = bypassable;
    http_.enqueue(200, kAnswer);
    EXPECT_TRUE(chat(*run).ok());
  }
  EXPECT_THAT(rows("SELECT bypassable FROM ledger ORDER BY id"), ElementsAre("0", "1"));
}

TEST_F(ModelServiceTest, AnIssuesCapBindsTheCallsThatNameIt) {
  Budget budget;
  budget.caps[Dimension::issue][""] = {.tokens = Tokens(10'000)};
  budget.caps[Dimension::issue]["org/app#8"] = {.tokens = Tokens(5)};
  ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  auto run = open({{"model", {"main"}}, {"gitea.read", {"org/app"}}});
  http_.enqueue(200, kAnswer);
  ASSERT_TRUE(chat(*run, {{"issue", "org/app#7"}}).ok());
  EXPECT_THAT(rows("SELECT repo || '#' || issue || ' ' || (input + output) FROM ledger"),
              ElementsAre("org/app#7 15"));
  EXPECT_EQ(chat(*run, {{"issue", "org/app#8"}}).error().code(), Code::denied);
  const auto reservation = call(*run, "tokens/1.reserve", {{"tokens", 100}}).value();
  EXPECT_EQ(chat(*run, {{"issue", "org/app#7"}, {"reservation", reservation["reservation"]}})
                .error()
                .code(),
            Code::usage)
      << "its reservation is for none";
}

TEST_F(ModelServiceTest, AnIssueBesideAReservationIsRefusedBeItTheSame) {
  auto run = begin();
  run->issue = IssueName{"org/app", 7};
  const auto reservation = call(*run, "tokens/1.reserve", {{"tokens", 100}}).value();
  const auto refused =
      chat(*run, {{"issue", "org/app#7"}, {"reservation", reservation["reservation"]}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::usage);
  http_.enqueue(200, kAnswer);
  EXPECT_TRUE(chat(*run, {{"issue", nullptr}, {"reservation", reservation["reservation"]}}).ok());
}

TEST_F(ModelServiceTest, ARunIsOneRunHoweverManyCallsItMakes) {
  Budget budget;
  budget.caps[Dimension::day][""] = {.runs = 1};
  ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
  loop_.drain();
  const auto run = begin();
  for (int call = 0; call < 2; ++call) {
    http_.enqueue(200, kAnswer);
    EXPECT_TRUE(chat(*run).ok());
  }
  EXPECT_EQ(chat(*begin()).error().code(), Code::denied);
}

TEST_F(ModelServiceTest, ARunIsOfTheDayOfItsFirstCall) {
  http_.enqueue(200, kAnswer);
  const auto run = begin();
  const auto today = ledger_.today();
  ASSERT_TRUE(chat(*run).ok());
  loop_.fake_clock().suspend(std::chrono::hours(13));
  http_.enqueue(200, kAnswer);
  ASSERT_TRUE(chat(*run).ok());
  EXPECT_EQ(run->token_day, today);
}

TEST_F(ModelServiceTest, ARunThatEndsGivesUpItsCallAndIsChargedWhatWasHeld) {
  http_.enqueue(std::nullopt);
  const auto run = begin();
  table_.call({run->run, run->plugin, run->task, "model/1.chat",
               to_text(Json{{"route", "main"},
                            {"request",
                             {{"model", "small"},
                              {"max_tokens", 50},
                              {"messages", {{{"role", "user"}, {"content", "hi"}}}}}}})},
              [](const Result<std::string>&) { FAIL() << "nobody is there to be told"; });
  loop_.drain();
  ASSERT_EQ(http_.requests().size(), 1u);
  (void)table_.close(run->run);
  loop_.drain();
  EXPECT_EQ(http_.dropped(), 1);
  EXPECT_THAT(rows("SELECT source || ' ' || run || ' ' || output FROM ledger"),
              ElementsAre("hold 1.1 50"));
}

TEST_F(ModelServiceTest, AsksOnlyByARouteThatIsGranted) {
  const auto run = open({{"model", {"other"}}});
  EXPECT_EQ(chat(*run).error().code(), Code::not_granted);
  EXPECT_THAT(http_.requests(), IsEmpty());
}

TEST_F(ModelServiceTest, SendsNothingThatTheBudgetDoesNotHold) {
  cap(20);
  const auto refused = chat(*begin()).error();
  EXPECT_EQ(refused.code(), Code::denied);
  EXPECT_THAT(refused.what(), HasSubstr("20 tokens"));
  EXPECT_THAT(http_.requests(), IsEmpty());
}

TEST_F(ModelServiceTest, NotesUntilWhenTheRunMayWait) {
  cap(500, WhenReached::queue_until_reset);
  const auto run = begin();
  const auto reserved = call(*run, "tokens/1.reserve", {{"tokens", 495}}).value()["reservation"];
  EXPECT_EQ(chat(*run).error().code(), Code::busy);
  EXPECT_FALSE(run->refused) << "it is only reserved, and the cap is not reached";
  ASSERT_TRUE(call(*run, "tokens/1.settle",
                   {{"reservation", reserved},
                    {"provider", "acme"},
                    {"model", "small"},
                    {"input_tokens", 495}})
                  .ok());
  EXPECT_EQ(chat(*run).error().code(), Code::rate_limited);
  ASSERT_TRUE(run->refused);
  EXPECT_EQ(format_utc(run->refused->renews), "2026-01-06T00:00:00Z");
  EXPECT_EQ(run->refused->generation, ledger_.budget_generation());
}

TEST_F(ModelServiceTest, APauseThatTheModelsServerAsksForIsNoneOfTheBudget) {
  http_.enqueue(429, R"({"error": {"message": "slow down"}})");
  const auto run = begin();
  EXPECT_EQ(chat(*run).error().code(), Code::rate_limited);
  EXPECT_FALSE(run->refused);
}

TEST_F(ModelServiceTest, ACallMayUseWhatItsRunHasReserved) {
  cap(1000);
  const auto run = begin();
  const auto reservation =
      call(*run, "tokens/1.reserve", {{"tokens", 1000}}).value()["reservation"];
  EXPECT_FALSE(chat(*run).ok()) << "the rest of the cap is none";
  http_.enqueue(200, kAnswer);
  EXPECT_TRUE(chat(*run, {{"reservation", reservation}}).ok());
  EXPECT_EQ(chat(*begin(), {{"reservation", reservation}}).error().code(), Code::usage);
}

TEST_F(ModelServiceTest, ListsTheModelsOfARouteForNothing) {
  http_.enqueue(200, R"({"data": [{"id": "small"}, {"id": "large"}]})");
  EXPECT_EQ(call(*begin(), "model/1.models", {{"route", "main"}}).value()["models"],
            (Json{"large", "small"}));
  EXPECT_THAT(rows("SELECT id FROM ledger"), IsEmpty());
}

}  // namespace
}  // namespace host
