// SPDX-License-Identifier: Apache-2.0
//
// The account of tokens as an operator meets it: a real host, a provider over HTTP, a
// token_budget.json. Each with the plugin `budget` and without it, which must change nothing.
#include <gmock/gmock.h>

#include "e2e/provider.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class TokensTest : public ModelHostBench, public ::testing::WithParamInterface<bool> {
 protected:
  TokensTest() {
    write_model_config({{"defaults",
                         {{"plugins",
                           {{"budget",
                             {{"enabled", GetParam()},
                              {"grants", {{"tokens.read", {"*"}}}},
                              {"schedule",
                               {{"token_budget_enforcer", "never"},
                                {"daily_reset", "never"},
                                {"token_report", "never"}}}}}}}}}});
  }
  ~TokensTest() override {
    stop();
    check_invariants();
  }
  // What the day's cap says of tokens.
  Json day_cap() {
    const Json shown = ask({"budget", "show"});
    for (const auto& cap : shown["caps"])
      if (cap["dimension"] == "day") return cap;
    return {};
  }
};

TEST_P(TokensTest, ACallIsOnTheAccountAndTheCapRefusesTheNextWhichWaits) {
  write_budget({{"day", {{"tokens", 200}, {"when_reached", "queue_until_reset"}}}});
  start();
  EXPECT_EQ(wait_for(enqueue("heartbeat_heavy"))["state"], "completed") << log();
  const Json today = ask({"tokens", "today"});
  EXPECT_EQ(today["total"]["total_tokens"], 110);
  ASSERT_THAT(today["models"], SizeIs(1));
  EXPECT_EQ(today["models"][0]["name"], "acme/small-1");
  EXPECT_EQ(today["pipelines"][0]["name"], "heartbeat_heavy");
  EXPECT_TRUE(eventually([this] { return std::filesystem::exists(paths_.token_usage()); }));
  Json line;
  EXPECT_TRUE(eventually([&] {
    const auto text = read_file(paths_.token_usage(), 1 << 20);
    line = text.ends_with('\n') ? parse_json(text, "its line") : Json();
    return line.is_object();
  }));
  EXPECT_EQ(line["total_tokens"], 110);
  EXPECT_EQ(line["source"], "meter");
  EXPECT_EQ(line["task"], "heartbeat_heavy");

  // What is left would do for what it uses, not for what it may use.
  const auto next = enqueue("heartbeat_heavy");
  Json job;
  EXPECT_TRUE(eventually([&] {
    job = client().get("/v1/jobs/" + std::to_string(next));
    return job["state"] == "scheduled";
  })) << job.dump(2);
  EXPECT_EQ(job["attempt"], 0) << "at no cost";
  EXPECT_EQ(provider_.chats(), 1) << "nothing left the host";
  const Json cap = day_cap();
  EXPECT_EQ(cap["tokens"]["left"], 90);
  EXPECT_EQ(cap["when_reached"], "queue_until_reset");
  EXPECT_EQ(job["due"].get<std::string>().substr(0, 19),
            cap["begins_anew"].get<std::string>().substr(0, 19));
  const Json why = ask({"budget", "explain", "heartbeat_heavy"});
  EXPECT_THAT(to_text(why["refused"]), HasSubstr("more than 90 tokens")) << why.dump(2);

  write_budget({{"day", {{"tokens", 1000}, {"when_reached", "queue_until_reset"}}}});
  EXPECT_EQ(wait_for(next)["state"], "completed") << "the cap was raised: " << log();
}

TEST_P(TokensTest, AKilledHostIsChargedWhatItsCallHeld) {
  write_budget({{"day", {{"tokens", 1000}}}});
  start();
  provider_.stall(true);
  const auto job = enqueue("heartbeat_heavy");
  ASSERT_TRUE(eventually([this] { return provider_.chats() == 1; })) << log();
  const auto held = day_cap()["tokens"]["held"].get<std::int64_t>();
  EXPECT_GT(held, 0);
  kill();

  provider_.stall(false);
  start();
  EXPECT_EQ(wait_for(job)["state"], "completed") << log();
  const Json cap = day_cap();
  EXPECT_EQ(cap["tokens"]["held"], 0);
  EXPECT_EQ(cap["tokens"]["settled"], held + 110);
  const Json rows = ask({"tokens", "show", std::to_string(job)})["rows"];
  ASSERT_THAT(rows, SizeIs(2)) << rows.dump(2);
  EXPECT_EQ(rows[1]["source"], "hold");
  EXPECT_EQ(rows[1]["total_tokens"], held);
  EXPECT_EQ(rows[0]["source"], "meter");
}

TEST_P(TokensTest, AJobThatIsCancelledDropsItsCallAndIsChargedWhatItHeld) {
  write_budget({{"day", {{"tokens", 1000}}}});
  start();
  provider_.stall(true);
  const auto job = enqueue("heartbeat_heavy");
  ASSERT_TRUE(eventually([this] { return provider_.chats() == 1; })) << log();
  const auto held = day_cap()["tokens"]["held"].get<std::int64_t>();
  client().post("/v1/jobs/" + std::to_string(job) + "/cancel");
  EXPECT_EQ(wait_for(job)["state"], "cancelled");
  EXPECT_TRUE(eventually([&] { return day_cap()["tokens"]["settled"] == held; }));
  EXPECT_EQ(day_cap()["tokens"]["held"], 0);
}

INSTANTIATE_TEST_SUITE_P(WithBudgetPluginAndWithout, TokensTest, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "plugin" : "no_plugin"; });

}  // namespace
}  // namespace host::faults
