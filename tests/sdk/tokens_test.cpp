// SPDX-License-Identifier: Apache-2.0
//
// Models and tokens, typed, against the world in memory.
#include "any_task.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;
using timmy::TokenUsage;
using timmy::testing::Account;
using timmy::testing::Outcome;

class TokensTest : public AnyTaskTest {
 protected:
  TokensTest() { world_.models.routes["main"] = {"small"}; }

  static Json hello() {
    return {{"model", "small"}, {"messages", {{{"role", "user"}, {"content", "hello"}}}}};
  }
  Outcome run_about(const Json& payload, std::function<void(timmy::Context&)> task) {
    the_task = [&](const timmy::Job&, timmy::Context& ctx) { return task(ctx), Json(); };
    return plugin_.run("any", payload);
  }
  Outcome ask(const timmy::ModelOptions& options = {}) {
    return run([&](timmy::Context& ctx) -> Json {
      return {{"said", ctx.model().chat("main", hello(), options).text()}};
    });
  }
};

TEST_F(TokensTest, AModelAnswersAndIsCharged) {
  world_.models.answer_with("good day", {20, 3, 0, 0, 0});
  const Outcome outcome = run([](timmy::Context& ctx) -> Json {
    const auto reply = ctx.model().chat("main", hello());
    EXPECT_EQ(reply.usage(), (TokenUsage{20, 3, 0, 0, 0}));
    return {{"said", reply.text()}};
  });
  EXPECT_EQ(outcome.result.at("said"), "good day") << outcome.message;
  EXPECT_EQ(world_.account.used(), 23);
  EXPECT_EQ(world_.models.requests.at(0).at("request"), hello());
}

TEST_F(TokensTest, AReplySaysWhatItWasCharged) {
  world_.models.answer_with("good day", {20, 3, 0, 0, 0});
  world_.models.price = 0.5;
  (void)run([](timmy::Context& ctx) -> Json {
    const auto reply = ctx.model().chat("main", hello());
    EXPECT_EQ(reply.charged.value().usage, (TokenUsage{20, 3, 0, 0, 0}));
    EXPECT_EQ(reply.charged->cost, 11.5);
    EXPECT_FALSE(reply.charged->whole_hold);
    return Json::object();
  });
  const auto held = timmy::ModelCharge::from({{"input_tokens", 9}, {"source", "hold"}});
  EXPECT_TRUE(held.whole_hold);
  EXPECT_EQ(held.cost, std::nullopt);
}

TEST_F(TokensTest, ARouteThatIsNotThereIsNotGranted) {
  const Outcome outcome = run([](timmy::Context& ctx) -> Json {
    EXPECT_THAT(ctx.model().models("main"), ElementsAre("small"));
    return {{"all", ctx.model().models("other")}};
  });
  EXPECT_EQ(outcome.code, "not_granted");
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
}

TEST_F(TokensTest, ACapThatBeginsAnewIsWorthWaitingForAndOthersAreNot) {
  world_.account.left = 12;
  const Outcome waits = ask();
  EXPECT_EQ(waits.status, TIMMY_RETRYABLE);
  EXPECT_EQ(waits.code, "rate_limited");
  EXPECT_THAT(waits.message, HasSubstr("12 tokens left and 13 were asked for"));
  world_.account.renews = false;
  EXPECT_EQ(ask().status, TIMMY_PERMANENT);
  EXPECT_EQ(ask().code, "denied");
  EXPECT_EQ(world_.account.used(), 0);
  world_.account.left = 13;
  EXPECT_TRUE(ask().ok());
  EXPECT_EQ(world_.account.left, 0);
}

TEST_F(TokensTest, WhatARunReservesIsItsOwnAndGoesBackAtItsEnd) {
  world_.account.left = 100;
  EXPECT_TRUE(run([&](timmy::Context& ctx) -> Json {
                const auto mine = ctx.tokens().reserve(60);
                EXPECT_EQ(world_.account.left, 40);
                EXPECT_THROW((void)ctx.tokens().reserve(41), timmy::Retryable);
                (void)ctx.model().chat("main", hello(), {.reservation = mine});
                EXPECT_EQ(world_.account.left, 40);
                ctx.tokens().settle(mine, "acme", "large", {30, 10, 0, 0, 0});
                return Json();
              }).ok());
  EXPECT_EQ(world_.account.left, 100 - 13 - 40);
  EXPECT_EQ(world_.account.used(), 53);
}

TEST_F(TokensTest, AReservationThatWasReleasedIsNoneAnyMore) {
  world_.account.left = 100;
  const Outcome outcome = run([&](timmy::Context& ctx) -> Json {
    const auto mine = ctx.tokens().reserve(60, "acme", "large");
    ctx.tokens().release(mine);
    EXPECT_EQ(world_.account.left, 100);
    ctx.tokens().settle(mine, "acme", "large", {1, 1, 0, 0, 0});
    return Json();
  });
  EXPECT_EQ(outcome.code, "usage");
}

TEST_F(TokensTest, AModelIsNamedWithItsProvider) {
  EXPECT_TRUE(
      run([&](timmy::Context& ctx) -> Json {
        EXPECT_THROW((void)ctx.tokens().reserve(60, "", "large"), timmy::Permanent);
        EXPECT_THROW((void)ctx.tokens().reserve(60, "acme"), timmy::Permanent);
        const auto mine = ctx.tokens().reserve(60, "", "acme/large");
        EXPECT_THROW(ctx.tokens().settle(mine, "", "large", {1, 1, 0, 0, 0}), timmy::Permanent);
        ctx.tokens().settle(mine, "", "acme/large", {1, 1, 0, 0, 0});
        return Json();
      }).ok());
  ASSERT_EQ(world_.account.charged.size(), 1u);
  EXPECT_EQ(world_.account.charged[0].provider, "acme");
  EXPECT_EQ(world_.account.charged[0].model, "large");
}

TEST_F(TokensTest, OnlyWhatTheHostHasNotSeenIsChargedOfAReport) {
  EXPECT_TRUE(run([](timmy::Context& ctx) -> Json {
                (void)ctx.model().chat("main", hello());  // 12 and 1
                ctx.tokens().report("acme", "large", {10, 5, 0, 0, 0});
                return {{"input_tokens", 7}, {"output_tokens", 2}};
              }).ok());
  EXPECT_EQ(world_.account.used(), 15 + 9);
}

TEST_F(TokensTest, ARunThatFailsIsChargedWithWhatItReported) {
  EXPECT_FALSE(run([](timmy::Context& ctx) -> Json {
                 ctx.tokens().report("acme", "large", {10, 5, 0, 0, 0});
                 throw timmy::Retryable("broken", "it broke");
               }).ok());
  EXPECT_EQ(world_.account.used(), 15);
}

TEST_F(TokensTest, NobodyReportsLessThanNothing) {
  const Outcome outcome = run([](timmy::Context& ctx) -> Json {
    ctx.tokens().report("acme", "large", {-1, 5, 0, 0, 0});
    return Json();
  });
  EXPECT_EQ(outcome.code, "usage");
  EXPECT_THAT(world_.account.charged, IsEmpty());
}

TEST_F(TokensTest, TheAccountIsRead) {
  world_.account.standings = {Account::standing("pipeline", "nightly", 1000, 850),
                              Account::standing("issue", "org/app#7", 10, 10, "", "refuse")};
  world_.account.pauses = {Account::pause("nightly", "the cap is reached")};
  world_.account.spend("pipeline", "nightly", 0, {10, 5, 0, 0, 0});
  world_.account.spend("pipeline", "nightly", 1, {100, 0, 0, 0, 0}, 2);
  world_.account.spend("pipeline", "daily", 1, {500, 0, 0, 0, 0});
  EXPECT_TRUE(run([&](timmy::Context& ctx) -> Json {
                const auto all = ctx.tokens().standings();
                EXPECT_EQ(all.standings.at(0).tokens->left, 150);
                EXPECT_TRUE(all.standings.at(0).warned);
                EXPECT_EQ(all.standings.at(0).begins_anew, all.next_reset);
                EXPECT_TRUE(all.standings.at(1).reached);
                EXPECT_FALSE(all.standings.at(1).begins_anew);
                EXPECT_EQ(all.pauses.at(0).pipeline, "nightly");
                const auto today = ctx.tokens().usage("pipeline");
                EXPECT_EQ(today.at(0).usage.total(), 15);
                const auto two_days = ctx.tokens().usage("pipeline", 2);
                EXPECT_EQ(two_days.at(0).name, "daily");
                EXPECT_EQ(two_days.at(1).usage.total(), 115);
                EXPECT_EQ(two_days.at(1).calls, 3);
                EXPECT_EQ(ctx.tokens().rotate_log(7), "token_usage-2026-01-05.jsonl");
                return Json();
              }).ok());
  EXPECT_THAT(world_.account.rotated, ElementsAre(7));
}

TEST_F(TokensTest, TheCapOfAnIssueBindsTheCallsThatNameIt) {
  world_.account.left_of_issue["org/app#7"] = 30;
  EXPECT_TRUE(run([&](timmy::Context& ctx) -> Json {
                (void)ctx.model().chat("main", hello(), {.issue = "org/app#7"});
                const auto mine = ctx.tokens().reserve(17, "", "", "org/app#7");
                EXPECT_THROW((void)ctx.model().chat("main", hello(), {.issue = "org/app#7"}),
                             timmy::Permanent);
                (void)ctx.model().chat("main", hello(), {.reservation = mine});
                (void)ctx.model().chat("main", hello(), {.issue = "org/app#8"});
                (void)ctx.model().chat("main", hello());
                EXPECT_THROW((void)ctx.tokens().reserve(1, "", "", "seven"), timmy::Permanent);
                return Json();
              }).ok());
  EXPECT_EQ(world_.account.left_of_issue["org/app#7"], 4) << "what it reserved went back";
  std::vector<std::string> issues;
  for (const auto& each : world_.account.charged) issues.push_back(each.issue);
  EXPECT_THAT(issues, ElementsAre("org/app#7", "org/app#7", "org/app#8", ""));
}

TEST_F(TokensTest, AnIssueIsWhatItIsToTheHost) {
  auto& account = world_.account;
  account.left_of_issue["Org/App#7"] = 10;
  EXPECT_EQ(account.issue_of({{"issue", nullptr}}), "");
  EXPECT_EQ(account.issue_of({{"issue", "org/app#7"}}), "org/app#7");
  for (const char* none : {"org/app", "app#7", "org/app#", "org/app#0", "org/app#seven", "#7"})
    EXPECT_THROW((void)account.issue_of({{"issue", none}}), timmy::Permanent) << none;
  EXPECT_THROW((void)account.issue_of({{"issue", "org/" + std::string(200, 'a') + "#7"}}),
               timmy::Permanent);
  EXPECT_THROW((void)account.answer("reserve", {{"tokens", 11}, {"issue", "org/APP#7"}}),
               timmy::Permanent);
  account.begin_run({{"repo", "org/app"}, {"number", 7}});
  EXPECT_EQ(account.issue_of({{"issue", "ORG/app#7"}}), "org/app#7");
  account.begin_run({{"repo", "app"}, {"number", 7}});
  EXPECT_EQ(account.issue_of(Json::object()), "") << "that is no repository";
}

TEST_F(TokensTest, AJobAboutAnIssueCountsForItWhateverItsCallsSay) {
  world_.account.left_of_issue["org/app#7"] = 20;
  const Json about{{"repo", "org/app"}, {"number", 7}};
  const auto spends_twice = run_about(about, [&](timmy::Context& ctx) {
    (void)ctx.model().chat("main", hello());
    EXPECT_EQ(world_.account.charged.back().issue, "org/app#7");
    (void)ctx.model().chat("main", hello());
  });
  EXPECT_EQ(spends_twice.code, "denied");
  const auto on_another = run_about(about, [&](timmy::Context& ctx) {
    (void)ctx.model().chat("main", hello(), {.issue = "org/app#8"});
  });
  EXPECT_EQ(on_another.code, "usage");
  EXPECT_TRUE(ask().ok()) << "the next job is about none";
}

TEST_F(TokensTest, TotalsSayWhetherTheyAreAll) {
  world_.account.spend("issue", "org/app#7", 0, {10, 5, 0, 0, 0});
  for (const bool cut : {false, true}) {
    world_.account.usage_cut = cut;
    EXPECT_TRUE(run([&](timmy::Context& ctx) -> Json {
                  const auto all = ctx.tokens().totals("issue");
                  EXPECT_EQ(all.cut, cut);
                  EXPECT_EQ(all.totals.at(0).usage.total(), 15);
                  return Json();
                }).ok());
  }
}

TEST(ModelReplyTest, SaysWhatAProviderSaidAndNothingElse) {
  EXPECT_EQ(timmy::ModelReply{Json::array()}.usage(), std::nullopt);
  EXPECT_EQ((timmy::ModelReply{{{"usage", nullptr}}}.usage()), std::nullopt);
  EXPECT_EQ((timmy::ModelReply{{{"usage", {{"prompt_tokens", "3"}}}}}.usage()), std::nullopt);
  const timmy::ModelReply all{{{"usage",
                                {{"prompt_tokens", 9},
                                 {"completion_tokens", 4},
                                 {"prompt_tokens_details", {{"cached_tokens", 5}}},
                                 {"completion_tokens_details", {{"reasoning_tokens", 2}}}}}}};
  EXPECT_EQ(all.usage(), (TokenUsage{9, 4, 5, 0, 2}));
  EXPECT_FALSE(all.has_message());
  EXPECT_THROW((void)all.text(), timmy::Permanent);
  EXPECT_EQ((timmy::ModelReply{{{"choices", {{{"message", {{"content", nullptr}}}}}}}}.text()), "");
}

TEST_F(TokensTest, ThePluginsOwnIssueIsKeptByItsName) {
  world_.forge.add_repo("org/app");
  world_.forge.add_issue("org/app", "somebody's");
  const auto keep = [&](const std::string& body) {
    std::int64_t number = 0;
    EXPECT_TRUE(run([&](timmy::Context& ctx) -> Json {
                  number = ctx.gitea().keep_issue("org/app", "Tokens", body, "report").number;
                  return Json();
                }).ok());
    return number;
  };
  EXPECT_EQ(keep("one"), 2);
  EXPECT_EQ(keep("two"), 2);
  EXPECT_EQ(world_.forge.issue("org/app", 2).body, "two");
  world_.forge.issue("org/app", 2).state = "closed";
  EXPECT_EQ(keep("three"), 3);
}

}  // namespace
