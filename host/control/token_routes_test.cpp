// SPDX-License-Identifier: Apache-2.0
#include "control/token_routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fake_loop.hpp"
#include "store/inline_store.hpp"
#include "tokens/ledger_reads.hpp"
#include "tokens/usage_line.hpp"

namespace host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class TokenRoutesTest : public ::testing::Test {
 protected:
  TokenRoutesTest() {
    ledger_.recover([](Result<Ledger::Recovery>) {});
    loop_.drain();
  }
  void set_budget(const char* text) {
    ledger_.set_budget(parse_budget(text, "token_budget.json"),
                       [](Status done) { ASSERT_TRUE(done.ok()); });
    loop_.drain();
  }
  // A run of `pipeline`, for issue 7 of Org/App unless told otherwise, that calls a model once.
  void spend(const std::string& pipeline, std::int64_t input, std::int64_t output,
             std::int64_t issue = 7) {
    ++job_;
    const Spender spender{.plugin = "demo",
                          .task = pipeline,
                          .pipeline = pipeline,
                          .job = JobId(job_),
                          .attempt = 1,
                          .run = std::to_string(job_) + ".1",
                          .repo = "Org/App",
                          .issue = issue};
    const ModelName model{"openai", "gpt-4o"};
    ledger_.reserve({.spender = spender, .tokens = {}, .model = {}}, [&](auto reservation) {
      ASSERT_TRUE(reservation.ok()) << reservation.error().what();
      id_ = reservation.value();
    });
    loop_.drain();
    HoldId hold;
    ledger_.hold(id_, {model, Tokens(input), Tokens(output), Tokens(1)}, [&](Result<Hold> held) {
      ASSERT_TRUE(held.ok()) << held.error().what();
      hold = held.value().id;
    });
    loop_.drain();
    ledger_.settle(hold, {.usage = TokenUsage{.input = Tokens(input), .output = Tokens(output)}},
                   [](Result<Charge> charge) { ASSERT_TRUE(charge.ok()); });
    ledger_.release(id_, {});
    loop_.drain();
  }

  Json get(const std::string& path, const std::map<std::string, std::string>& query = {}) {
    ServerRequest request{.method = "GET", .target = path, .path = path};
    request.query = query;
    std::string segment;
    std::istringstream parts(path.substr(1));
    while (std::getline(parts, segment, '/')) request.segments.push_back(segment);
    std::optional<Result<Json>> answer;
    read_tokens(sources_, request, [&](Result<Json> json) { answer = std::move(json); });
    loop_.drain();
    if (!answer) throw std::runtime_error("no answer");
    return answer->value();
  }
  Json accept() {
    std::optional<Result<Json>> answer;
    accept_clock(sources_, [&](Result<Json> json) { answer = std::move(json); });
    loop_.drain();
    return answer->value();
  }
  Json import(const Json& lines) {
    std::optional<Result<Json>> answer;
    import_tokens(sources_, {{"lines", lines}},
                  [&](Result<Json> json) { answer = std::move(json); });
    loop_.drain();
    return answer->value();
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Ledger ledger_{store_, loop_, loop_.clock(), Log::to_memory(lines_), "allegro", "boot"};
  int added_ = 0;
  TokenSources sources_{.store = &store_,
                        .ledger = &ledger_,
                        .clock = &loop_.clock(),
                        .host_name = "allegro",
                        .pipeline_of = [](const std::string& task) -> std::optional<std::string> {
                          if (task == "heartbeat_heavy") return "health";
                          return std::nullopt;
                        },
                        .export_state =
                            [] {
                              return Json{{"through", 2}, {"trouble", ""}};
                            },
                        .rows_added = [this] { ++added_; }};
  ReservationId id_;
  std::int64_t job_ = 10;
};

TEST_F(TokenRoutesTest, TodayHasTotalsByPipelineAndModel) {
  set_budget(R"({"day": {"tokens": 100000}})");
  spend("nightly", 1000, 200);
  spend("triage", 10, 5);
  const Json today = get("/v1/tokens/today");
  EXPECT_EQ(today["day"], "2026-01-05");
  EXPECT_EQ(today["until"], "2026-01-06T00:00:00Z");
  EXPECT_EQ(today["total"]["total_tokens"], 1215);
  EXPECT_EQ(today["total"]["calls"], 2);
  EXPECT_EQ(today["pipelines"][0]["name"], "nightly");
  EXPECT_EQ(today["pipelines"][1]["total_tokens"], 15);
  EXPECT_EQ(today["models"][0]["name"], "openai/gpt-4o");
  EXPECT_EQ(today["export"]["through"], 2);
}

TEST_F(TokenRoutesTest, TopIsByAnyDimensionOverDays) {
  set_budget(R"({"day": {"tokens": 100000}})");
  spend("nightly", 1000, 200);
  loop_.advance(std::chrono::hours(24));
  spend("triage", 10, 5);
  EXPECT_EQ(get("/v1/tokens/top")["totals"].size(), 1u);
  const Json week = get("/v1/tokens/top", {{"by", "pipeline"}, {"days", "7"}});
  EXPECT_EQ(week["totals"][0]["name"], "nightly");
  EXPECT_EQ(week["from"], "2025-12-31");
  const Json issues = get("/v1/tokens/top", {{"by", "issue"}, {"days", "7"}});
  EXPECT_EQ(issues["totals"][0]["name"], "org/app#7");
  EXPECT_EQ(issues["totals"][0]["total_tokens"], 1215);
  EXPECT_EQ(get("/v1/tokens/top", {{"by", "run"}})["totals"][0]["name"], "12.1");
  EXPECT_THROW(get("/v1/tokens/top", {{"by", "colour"}}), Error);
  EXPECT_THROW(get("/v1/tokens/top", {{"days", "0"}}), Error);
}

TEST_F(TokenRoutesTest, ShowFindsTheCallsOfAJobARunAndAnIssue) {
  set_budget(R"({"day": {"tokens": 100000}})");
  spend("nightly", 1000, 200);
  spend("nightly", 10, 2);
  EXPECT_EQ(get("/v1/tokens/show", {{"job", "11"}})["total"]["total_tokens"], 1200);
  EXPECT_EQ(get("/v1/tokens/show", {{"run", "12.1"}})["rows"][0]["input_tokens"], 10);
  const Json issue = get("/v1/tokens/show", {{"issue", "Org/App#7"}, {"limit", "1"}});
  EXPECT_EQ(issue["total"]["total_tokens"], 1212);
  EXPECT_EQ(issue["rows"].size(), 1u);
  EXPECT_EQ(issue["rows"][0]["run"], "12.1");
  EXPECT_EQ(issue["more"], true);
  EXPECT_THROW(get("/v1/tokens/show"), Error);
  EXPECT_THROW(get("/v1/tokens/show", {{"issue", "app#7"}}), Error);
}

TEST_F(TokenRoutesTest, RowsArePagesInOrder) {
  set_budget(R"({"day": {"tokens": 100000}})");
  for (int i = 0; i < 3; ++i) spend("nightly", 10, 2);
  const Json page = get("/v1/tokens/rows", {{"limit", "2"}});
  EXPECT_EQ(page["rows"].size(), 2u);
  const Json rest = get("/v1/tokens/rows", {{"after", to_text(page["next"])}, {"limit", "2"}});
  EXPECT_EQ(rest["rows"].size(), 1u);
  EXPECT_EQ(rest["next"], nullptr);
}

TEST_F(TokenRoutesTest, TheBudgetHasEachCapAndWhatIsLeft) {
  set_budget(R"({"day": {"tokens": 2000, "runs": 10}})");
  spend("nightly", 1000, 200);
  const Json budget = get("/v1/budget");
  const Json& day = budget["caps"][0];
  EXPECT_EQ(day["dimension"], "day");
  EXPECT_EQ(day["tokens"]["settled"], 1200);
  EXPECT_EQ(day["tokens"]["left"], 800);
  EXPECT_EQ(day["runs"]["left"], 9);
  EXPECT_EQ(day["taken"], 0.6);
  EXPECT_EQ(day["reached"], false);
}

TEST_F(TokenRoutesTest, AnExplanationFollowsATaskToItsPipeline) {
  set_budget(R"({"day": {"tokens": 2000}, "pipelines": {"health": {"tokens": 50}}})");
  const Json explained = get("/v1/budget/explain", {{"of", "heartbeat_heavy"}});
  EXPECT_EQ(explained["task"], "heartbeat_heavy");
  EXPECT_EQ(explained["name"], "health");
  EXPECT_EQ(explained["tightest"], 1);
  EXPECT_EQ(explained["caps"][1]["tokens"]["left"], 50);
  EXPECT_THAT(explained["refused"], Contains(HasSubstr("more than 50 tokens")));
}

TEST_F(TokenRoutesTest, AnExplanationHasWhatAnIssueUsedAlsoWhenNobodyIsAtItAnyMore) {
  set_budget(R"({"issue": {"tokens": 400}})");
  for (int i = 0; i < 3; ++i) spend("nightly", 100, 10);
  const Json explained = get("/v1/budget/explain", {{"of", "org/app#7"}});
  ASSERT_EQ(explained["caps"].size(), 1u);
  EXPECT_EQ(explained["caps"][0]["tokens"]["settled"], 330);
  EXPECT_EQ(explained["caps"][0]["tokens"]["left"], 70);
  EXPECT_THAT(explained["refused"], Contains(HasSubstr("more than 70 tokens")));
  EXPECT_EQ(get("/v1/budget/explain", {{"of", "org/app#8"}})["caps"][0]["tokens"]["left"], 400);
}

TEST_F(TokenRoutesTest, TheBudgetHasTheIssuesThatHaveReachedTheirCap) {
  set_budget(R"({"issue": {"tokens": 400, "runs": 4}, "issues": {"org/app#9": {"tokens": 900}}})");
  spend("nightly", 100, 10, 6);
  spend("nightly", 300, 100);
  spend("nightly", 600, 100, 9);
  for (int i = 0; i < 4; ++i) spend("nightly", 1, 1, 5);
  const Json budget = get("/v1/budget");
  std::vector<std::string> issues;
  for (const auto& cap : budget["caps"])
    issues.push_back(cap["name"].get<std::string>() + (cap["reached"] == true ? " reached" : ""));
  EXPECT_EQ(issues,
            (std::vector<std::string>{"org/app#5 reached", "org/app#7 reached", "org/app#9"}));
  set_budget(R"({"issue": {"tokens": 5}})");
  for (int i = 0; i < 30; ++i) spend("nightly", 1, 4 - i / 20, 100 + i);
  EXPECT_EQ(get("/v1/budget")["caps"].size(), 20u) << "those that used most";
}

TEST_F(TokenRoutesTest, TheOwnCapsOfOpenRunsStandBesidesThoseOfTheBudget) {
  set_budget(R"({"day": {"tokens": 2000}})");
  EXPECT_EQ(get("/v1/budget")["own_caps"], Json::array()) << "there is no meter";
  const Spender spender{
      .pipeline = "code", .playbook = "fixer", .run = "7.1", .repo = "Org/App", .issue = 12};
  ledger_.reserve({.spender = spender, .tokens = {}, .model = {}},
                  [&](Result<ReservationId> reservation) { id_ = reservation.value(); });
  loop_.drain();
  ledger_.hold(id_, {{"openai", "gpt-4o"}, Tokens(30), Tokens(70), Tokens(1)},
               [](const Result<Hold>& held) { ASSERT_TRUE(held.ok()); });
  loop_.drain();
  sources_.open_runs = [this] {
    return std::vector<OpenRun>{
        {id_, {{Dimension::run, Tokens(900), "limits.tokens of the playbook fixer, 900,", ""}}}};
  };
  const Json budget = get("/v1/budget");
  ASSERT_EQ(budget["own_caps"].size(), 1u);
  const Json& own = budget["own_caps"][0];
  EXPECT_EQ(own["run"], "7.1");
  EXPECT_EQ(own["repo"], "Org/App");
  EXPECT_EQ(own["issue"], 12);
  EXPECT_EQ(own["playbook"], "fixer");
  EXPECT_EQ(own["limit"], "limits.tokens of the playbook fixer, 900");
  EXPECT_EQ(own["tokens"],
            (Json{{"cap", 900}, {"settled", 0}, {"held", 100}, {"reserved", 0}, {"left", 800}}));
  EXPECT_EQ(get("/v1/budget/explain", {{"of", "code"}})["own_caps"], budget["own_caps"]);
  EXPECT_EQ(get("/v1/budget/explain", {{"of", "health"}})["own_caps"], Json::array());
}

TEST_F(TokenRoutesTest, WithoutABudgetAnExplanationSaysThatNothingIsGranted) {
  EXPECT_THAT(get("/v1/budget/explain", {{"of", "x"}})["refused"],
              Contains(HasSubstr("no token_budget.json in force")));
  EXPECT_EQ(get("/v1/budget")["budget"], false);
}

TEST_F(TokenRoutesTest, AnImportCountsOnItsDayAndAgainstTodaysCapOnlyIfThatIsToday) {
  set_budget(R"({"day": {"tokens": 2000}})");
  const Json old{{"line", 1}, {"text", R"({"ts": "2026-01-03T10:00:00Z", "tokens": 500})"}};
  const Json now{{"line", 2}, {"text", R"({"ts": "2026-01-05T10:00:00Z", "tokens": 300})"}};
  const Json bad{{"line", 3}, {"text", "nothing"}, {"copy", 1}};
  const Json report = import({old, now, bad});
  EXPECT_EQ(report["imported"], 2);
  EXPECT_EQ(report["skipped"][0]["line"], 3);
  EXPECT_EQ(added_, 1);
  EXPECT_EQ(get("/v1/budget")["caps"][0]["tokens"]["settled"], 300);
  EXPECT_EQ(get("/v1/tokens/top", {{"by", "day"}, {"days", "7"}})["totals"][0]["total_tokens"],
            800);
  EXPECT_THROW(import({{{"line", "x"}}}), Error);
}

TEST_F(TokenRoutesTest, AReachedCapsPauseIsInStatusAndInTheExplanation) {
  set_budget(R"({"pipelines": {"nightly": {"tokens": 1200, "when_reached": "pause"}}})");
  spend("nightly", 1000, 200);
  const Json status = tokens_status(sources_);
  EXPECT_EQ(status["budget"], true);
  ASSERT_EQ(status["pauses"].size(), 1u);
  EXPECT_EQ(status["pauses"][0]["pipeline"], "nightly");
  EXPECT_EQ(status["pauses"][0]["until"], "2026-01-06T00:00:00Z");
  const Json explained = get("/v1/budget/explain", {{"of", "nightly"}});
  EXPECT_THAT(explained["refused"], Contains(HasSubstr("is reached")));
  EXPECT_THAT(explained["refused"], Contains(HasSubstr("no task of it starts until")));
}

TEST_F(TokenRoutesTest, WhatIsNotThereIsNotFound) {
  EXPECT_THROW(get("/v1/tokens/yesterday"), Error);
  EXPECT_THROW(get("/v1/budget/what"), Error);
}

TEST_F(TokenRoutesTest, AClockThatWasSetIsTakenByOrder) {
  const auto before = get("/v1/tokens/today")["day"].get<std::string>();
  loop_.fake_clock().set_wall(loop_.clock().wall() - std::chrono::hours(72));
  EXPECT_EQ(get("/v1/tokens/today")["day"], before);
  const Json accepted = accept();
  EXPECT_LT(accepted["day"].get<std::string>(), before);
  EXPECT_EQ(accepted["shift_seconds"], -72 * 3600);
  EXPECT_EQ(get("/v1/tokens/today")["day"], accepted["day"]);
}

}  // namespace
}  // namespace host
