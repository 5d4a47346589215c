// SPDX-License-Identifier: Apache-2.0
#include "tokens/model_call.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "base/fake_loop.hpp"
#include "base/redactor.hpp"
#include "base/test_folder.hpp"
#include "http/fake_client.hpp"
#include "tokens/fake_call_ledger.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ModelCallTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder_ / "key") << "sk-the-real-key";
    std::filesystem::permissions(folder_ / "key", std::filesystem::perms::owner_read);
    ModelRoute route;
    route.name = "main";
    route.url = "https://models.example/v1/";
    route.provider = "acme";
    route.credential_file = folder_ / "key";
    route.models = {"small-1", "big-*"};
    gateway_ = std::make_unique<ModelGateway>(
        http_, calls_, loop_, redactor_, Log::to_memory(lines_),
        std::make_shared<ModelRoutes>(ModelRoutes{{route}, BannedModels({}, {"*claude*"})}));
  }
  static ModelCall chat() {
    ModelCall call;
    call.spender.pipeline = "nightly";
    call.route = "main";
    call.request = {{"model", "small-1"},
                    {"messages", {{{"role", "user"}, {"content", "hello"}}}},
                    {"max_tokens", 50}};
    return call;
  }
  static std::string answer(std::string_view text) {
    return to_text({{"model", "small-1"},
                    {"choices", {{{"index", 0}, {"message", {{"content", text}}}}}},
                    {"usage", {{"prompt_tokens", 10}, {"completion_tokens", 5}}}});
  }
  Result<Json> call(ModelCall order) {
    const auto answer = ask(std::move(order));
    return answer.ok() ? Result<Json>(answer.value().reply) : Result<Json>(answer.error());
  }
  Result<ModelAnswer> ask(ModelCall order) {
    std::optional<Result<ModelAnswer>> got;
    gateway_->call(std::move(order), [&](Result<ModelAnswer> reply) { got = std::move(reply); });
    EXPECT_FALSE(got.has_value()) << "replied from inside";
    loop_.drain();
    return got ? *got : Error(Code::internal, "no reply");
  }
  Error failure(ModelCall order) {
    const auto result = call(std::move(order));
    return result.ok() ? Error(Code::internal, "it succeeded") : result.error();
  }

  FakeLoop loop_;
  TestFolder folder_;
  FakeHttpClient http_{loop_};
  FakeLedgerState ledger_;
  FakeCallLedger calls_{ledger_, loop_, loop_};
  std::shared_ptr<Redactor> redactor_ = std::make_shared<Redactor>();
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  std::unique_ptr<ModelGateway> gateway_;
};

TEST_F(ModelCallTest, ACallIsHeldSentAndSettled) {
  http_.enqueue(200, answer("hi"));
  EXPECT_EQ(call(chat()).value()["choices"][0]["message"]["content"], "hi");
  ASSERT_EQ(http_.requests().size(), 1u);
  const auto& sent = http_.requests()[0];
  EXPECT_EQ(sent.url, "https://models.example/v1/chat/completions");
  EXPECT_EQ(sent.headers.back().second, "Bearer sk-the-real-key");
  EXPECT_EQ(parse_json(sent.body, "it")["max_tokens"], 50);
  ASSERT_EQ(ledger_.settled.size(), 1u);
  EXPECT_EQ(ledger_.settled[0].settlement->usage->total(), Tokens(15));
}

TEST_F(ModelCallTest, WithoutAReservationItTakesOneOfNoTokensAndGivesItBack) {
  http_.enqueue(200, answer("hi"));
  (void)call(chat()).value();
  ASSERT_EQ(ledger_.reserved.size(), 1u);
  EXPECT_EQ(ledger_.reserved[0].tokens, Tokens(0));
  EXPECT_EQ(ledger_.reserved[0].spender.pipeline, "nightly");
  EXPECT_EQ(ledger_.released.size(), 1u);
  http_.enqueue(200, answer("hi"));
  auto order = chat();
  order.reservation = ReservationId(7);
  (void)call(order).value();
  EXPECT_EQ(ledger_.reserved.size(), 1u);
  EXPECT_EQ(ledger_.released.size(), 1u);
}

TEST_F(ModelCallTest, ARefusedHoldIsToldAsItIsAndNothingIsSent) {
  ledger_.refusal = Error(Code::rate_limited, "the cap is reached", "Wait.");
  const auto error = failure(chat());
  EXPECT_EQ(error.code(), Code::rate_limited);
  EXPECT_EQ(error.message(), "the cap is reached");
  EXPECT_TRUE(http_.requests().empty());
  EXPECT_EQ(ledger_.released.size(), 1u);
}

TEST_F(ModelCallTest, WhatIsWrongIsRefusedBeforeAnythingIsHeld) {
  auto order = chat();
  order.route = "other";
  EXPECT_EQ(failure(order).code(), Code::not_found);
  order = chat();
  order.request["model"] = "claude-3";
  EXPECT_EQ(failure(order).code(), Code::denied);
  order = chat();
  order.request["stream"] = true;
  EXPECT_EQ(failure(order).code(), Code::invalid);
  order.request = Json::array();
  EXPECT_EQ(failure(order).code(), Code::invalid);
  EXPECT_TRUE(ledger_.reserved.empty());
}

TEST_F(ModelCallTest, FailuresAreChargedByWhatMayHaveBeenUsed) {
  struct Case {
    FakeHttpClient::Answer answer;
    Code code;
    bool charged;
  };
  const std::vector<Case> cases{
      {FakeHttpClient::refused(), Code::unavailable, false},
      {FakeHttpClient::broken(), Code::unavailable, true},
      {HttpResponse{400, {}, R"({"error":{"message":"too long"}})"}, Code::invalid, false},
      {HttpResponse{401, {}, "{}"}, Code::denied, false},
      {HttpResponse{429, {}, "slow down"}, Code::rate_limited, false},
      {HttpResponse{503, {}, "{}"}, Code::unavailable, true},
      {HttpResponse{503, {}, R"({"error":{"message":"overloaded"}})"}, Code::unavailable, false},
      {HttpResponse{500, {}, R"({"error":{"message":"broken"}})"}, Code::unavailable, true},
      {HttpResponse{200, {}, "<html>"}, Code::invalid, true},
  };
  for (const auto& each : cases) {
    http_.enqueue(each.answer);
    EXPECT_EQ(failure(chat()).code(), each.code);
    EXPECT_EQ(ledger_.settled.back().settlement.has_value(), each.charged);
    EXPECT_TRUE(ledger_.open.empty());
  }
}

TEST_F(ModelCallTest, ACountThatIsTooSmallForItsTextIsNone) {
  http_.enqueue(200, answer(std::string(4096 + 16 * 5, 'x')));
  (void)call(chat()).value();
  EXPECT_TRUE(ledger_.settled.back().settlement->usage) << "five tokens may be so much";
  http_.enqueue(200, answer(std::string(4096 + 16 * 5 + 1, 'x')));
  (void)call(chat()).value();
  EXPECT_FALSE(ledger_.settled.back().settlement->usage);
  EXPECT_EQ(ledger_.settled.back().settlement->source, UsageSource::hold);
}

TEST_F(ModelCallTest, TellsWhatItCharges) {
  http_.enqueue(200, answer("hi"));
  const auto told = ask(chat()).value();
  EXPECT_EQ(told.model, (ModelName{"acme", "small-1"}));
  EXPECT_EQ(told.charged, (TokenUsage{.input = Tokens(10), .output = Tokens(5)}));
  EXPECT_EQ(told.source, UsageSource::meter);

  http_.enqueue(200, R"({"choices": [{"message": {"content": "hi"}}]})");
  const auto unknown = ask(chat()).value();
  const auto& hold = ledger_.settled.back().hold;
  EXPECT_EQ(unknown.charged, (TokenUsage{.input = hold.input, .output = hold.output}));
  EXPECT_EQ(unknown.source, UsageSource::hold);
}

TEST_F(ModelCallTest, ACallThatIsGivenUpIsDroppedAndItsHoldCharged) {
  http_.enqueue(std::nullopt);
  bool replied = false;
  const auto give_up = gateway_->call(chat(), [&](const auto&) { replied = true; });
  loop_.drain();
  ASSERT_EQ(ledger_.open.size(), 1u);
  give_up();
  EXPECT_EQ(http_.dropped(), 1);
  loop_.drain();
  EXPECT_TRUE(ledger_.open.empty());
  ASSERT_TRUE(ledger_.settled.at(0).settlement);
  EXPECT_EQ(ledger_.settled[0].settlement->usage, std::nullopt);
  EXPECT_EQ(ledger_.released.size(), 1u);
  give_up();
  loop_.advance(std::chrono::hours(1));
  EXPECT_FALSE(replied);
  EXPECT_EQ(ledger_.settled.size(), 1u);
}

TEST_F(ModelCallTest, ACallThatIsGivenUpBeforeItLeftCostsNothing) {
  bool replied = false;
  gateway_->call(chat(), [&](const auto&) { replied = true; })();
  loop_.drain();
  EXPECT_TRUE(http_.requests().empty());
  EXPECT_TRUE(ledger_.open.empty());
  EXPECT_TRUE(ledger_.settled.empty() || !ledger_.settled[0].settlement);
  EXPECT_EQ(ledger_.released.size(), ledger_.reserved.size());
  EXPECT_FALSE(replied);
}

TEST_F(ModelCallTest, ACallThatHasEndedCannotBeGivenUp) {
  http_.enqueue(200, answer("hi"));
  int replies = 0;
  const auto give_up = gateway_->call(chat(), [&](const auto&) { ++replies; });
  loop_.drain();
  give_up();
  loop_.drain();
  EXPECT_EQ(replies, 1);
  EXPECT_EQ(ledger_.settled.size(), 1u);
}

TEST_F(ModelCallTest, TheCredentialIsNotInWhatComesBack) {
  http_.enqueue(200, answer("you sent sk-the-real-key"));
  EXPECT_THAT(to_text(call(chat()).value()), HasSubstr("you sent [redacted]"));
  http_.enqueue(400, R"({"error":{"message":"what is sk-the-real-key"}})");
  EXPECT_THAT(failure(chat()).message(), Not(HasSubstr("sk-the")));
}

TEST_F(ModelCallTest, ListsTheModelsThatMayBeAskedFor) {
  http_.enqueue(200,
                R"({"data":[{"id":"small-1"},{"id":"big-claude"},{"id":"other"},{"id":"big-2"}]})");
  std::vector<std::string> models;
  const auto take = [&](Result<std::vector<std::string>> got) { models = std::move(got).value(); };
  gateway_->models("main", take);
  loop_.drain();
  EXPECT_THAT(models, ElementsAre("big-2", "small-1"));
  http_.enqueue(404, "{}");
  gateway_->models("main", take);
  loop_.drain();
  EXPECT_THAT(models, ElementsAre("small-1"));
}

}  // namespace
}  // namespace host
