// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"
#include "cli/tokens_text.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Json total(const std::string& name, std::int64_t input, std::int64_t output) {
  return {{"name", name},
          {"input_tokens", input},
          {"cache_read_tokens", 4000},
          {"output_tokens", output},
          {"total_tokens", input + output},
          {"calls", 3},
          {"runs", 2},
          {"cost_usd", 0.0123}};
}

class TokensCommandTest : public CommandTest {
 protected:
  FakeHost host_{Paths::from(Environment::of_process())};
};

TEST(TokensText, CountsAreGroupedAndCostsKeepTheirCents) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(dollars_text(12.5), "$12.50");
  EXPECT_EQ(dollars_text(0.0123), "$0.0123");
  EXPECT_EQ(dollars_text(0.000123), "$0.000123");
  EXPECT_EQ(dollars_text(0), "-");
  EXPECT_EQ(dollars_text(nullptr), "-");
}

TEST_F(TokensCommandTest, TodayIsATotalAndATableForEachKind) {
  host_.set("GET /v1/tokens/today", {{"day", "2026-01-05"},
                                     {"zone", "UTC"},
                                     {"until", "2026-01-06T00:00:00Z"},
                                     {"total", total("", 12'000, 345)},
                                     {"pauses",
                                      {{{"pipeline", "nightly"},
                                        {"until", "2026-01-06T00:00:00Z"},
                                        {"cause", "the cap is reached"}}}},
                                     {"export", {{"through", 7}, {"trouble", "the disk is full"}}},
                                     {"pipelines", {total("nightly", 12'000, 345)}},
                                     {"playbooks", Json::array()},
                                     {"models", {total("openai/gpt-4o", 12'000, 345)}}});
  EXPECT_EQ(run({"tokens", "today"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("2026-01-05 (UTC), until 2026-01-06T00:00:00Z"));
  EXPECT_THAT(out_.str(), HasSubstr("12,345 tokens in 3 calls of 2 runs, $0.0123"));
  EXPECT_THAT(out_.str(), HasSubstr("! pipeline nightly is paused until"));
  EXPECT_THAT(out_.str(), HasSubstr("token_usage.jsonl waits: the disk is full"));
  EXPECT_THAT(out_.str(), ContainsRegex("nightly +12,345 +12,000 +4,000 +345 +3 +2 +[$]0.0123"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("PLAYBOOK")));
}

TEST_F(TokensCommandTest, TopAsksForWhatItIsToldTo) {
  host_.set("GET /v1/tokens/top",
            {{"by", "issue"}, {"cut", true}, {"totals", {total("org/app#7", 10, 2)}}});
  EXPECT_EQ(run({"tokens", "top", "--by", "issue", "--days", "7", "--limit", "5"}), 0)
      << err_.str();
  EXPECT_THAT(host_.requests(), Contains("GET /v1/tokens/top?by=issue&days=7&limit=5 "));
  EXPECT_THAT(out_.str(), ContainsRegex("ISSUE +TOKENS"));
  EXPECT_THAT(out_.str(), HasSubstr("newest 20,000 calls"));
  host_.set("GET /v1/tokens/top",
            {{"by", "pipeline"}, {"cut", true}, {"totals", {total("nightly", 10, 2)}}});
  EXPECT_EQ(run({"tokens", "top", "--days", "3660"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("more in these days"));
}

TEST_F(TokensCommandTest, ShowTellsAJobFromARunAndAnIssue) {
  const Json row{{"id", 9},
                 {"timestamp", "2026-01-05T10:00:00.123456Z"},
                 {"task", "answer"},
                 {"run", "17.2"},
                 {"provider", "openai"},
                 {"model", "gpt-4o"},
                 {"input_tokens", 1200},
                 {"output_tokens", 5},
                 {"source", "hold"},
                 {"bypassable", true}};
  host_.set("GET /v1/tokens/show",
            {{"total", total("17", 1200, 5)}, {"rows", {row}}, {"more", true}});
  EXPECT_EQ(run({"tokens", "show", "17"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              ContainsRegex("9 +2026-01-05T10:00:00 +answer +17.2 +openai/gpt-4o +1,200 +5 +- "
                            "+hold [(]bypassable[)]"));
  EXPECT_EQ(run({"tokens", "show", "17.2"}), 0);
  EXPECT_EQ(run({"tokens", "show", "org/app#12"}), 0);
  EXPECT_EQ(host_.requests(),
            (std::vector<std::string>{"GET /v1/tokens/show?job=17&limit=100 ",
                                      "GET /v1/tokens/show?run=17.2&limit=100 ",
                                      "GET /v1/tokens/show?issue=org%2Fapp%2312&limit=100 "}));
  EXPECT_EQ(run({"tokens", "show"}), 64);
}

TEST_F(TokensCommandTest, AnExportIsLinesOfJsonOrCsvOrOneList) {
  host_.set("GET /v1/tokens/rows",
            {{"rows",
              {{{"id", 5}, {"task", "say \"hi\", twice"}, {"total_tokens", 7}},
               {{"id", 6}, {"task", "t"}, {"total_tokens", 8}, {"cost_usd", 0.5}}}},
             {"next", nullptr}});
  EXPECT_EQ(run({"tokens", "export", "--from", "5"}), 0) << err_.str();
  EXPECT_THAT(host_.requests(), ElementsAre("GET /v1/tokens/rows?limit=1000&after=4 "));
  EXPECT_THAT(out_.str(), HasSubstr("\"id\":5"));
  EXPECT_EQ(std::ranges::count(out_.str(), '\n'), 2);
  EXPECT_EQ(run({"tokens", "export", "--csv"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("id,timestamp,day,"));
  EXPECT_THAT(out_.str(), HasSubstr("\n5,,,,,\"say \"\"hi\"\", twice\","));
  EXPECT_EQ(run({"tokens", "export", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str()).size(), 2u);
  EXPECT_EQ(run({"tokens", "export", "--json", "--csv"}), 64);
}

TEST_F(TokensCommandTest, AnImportSendsLinesWithTheirNumbersAndSumsUp) {
  host_.set("POST /v1/tokens/import",
            {{"imported", 300},
             {"already", 1},
             {"zoneless", 2},
             {"total_tokens", 1000},
             {"skipped", {{{"line", 3}, {"why", "it has no timestamp"}}}}});
  {
    std::ofstream file(folder_ / "old.jsonl");
    file << "{\"a\": 1}\r\n\n{\"a\": 1}\n";
    for (int i = 0; i < 600; ++i) file << "{\"b\": " << i << "}\n";
  }
  EXPECT_EQ(run({"tokens", "import", (folder_ / "old.jsonl").string()}), 0) << err_.str();
  const auto sent = host_.requests();
  ASSERT_EQ(sent.size(), 2u);
  const Json lines = Json::parse(sent[0].substr(sent[0].find('{')))["lines"];
  EXPECT_EQ(lines[0], (Json{{"line", 1}, {"text", "{\"a\": 1}"}}));
  EXPECT_EQ(lines[1], (Json{{"line", 3}, {"text", "{\"a\": 1}"}, {"copy", 2}}));
  EXPECT_EQ(out_.str(),
            "imported 600 lines with 2,000 tokens\n"
            "2 lines left, which this ledger has already\n"
            "4 times without a zone, taken for UTC\n"
            "2 lines skipped:\n"
            "  line 3: it has no timestamp\n"
            "  line 3: it has no timestamp\n");
  EXPECT_EQ(run({"tokens", "import", "/nowhere"}), 66);
}

TEST_F(TokensCommandTest, AClockIsAcceptedByOrder) {
  host_.set("POST /v1/tokens/accept-clock",
            {{"day", "2026-01-05"}, {"until", "2026-01-06T00:00:00Z"}, {"shift_seconds", -9}});
  EXPECT_EQ(run({"tokens", "accept-clock"}), 0) << err_.str();
  EXPECT_EQ(out_.str(), "today is 2026-01-05, until 2026-01-06T00:00:00Z\n");
  EXPECT_THAT(host_.requests(), ElementsAre("POST /v1/tokens/accept-clock {}"));
}

// The host has both among what needs attention, too.
TEST_F(TokensCommandTest, StatusShowsAPauseAndAFileThatWaitsOnce) {
  const std::string pause =
      "pipeline nightly is paused until 2026-01-06T00:00:00Z: the cap is reached";
  const std::string waits = "token_usage.jsonl is not kept up: the disk is full";
  host_.set("GET /v1/status", {{"plugins", {{"ready", 1}, {"found", 1}}},
                               {"workers", {{"alive", 0}}},
                               {"pid", 7},
                               {"attention", {pause, waits}},
                               {"tokens",
                                {{"budget", true},
                                 {"until", "2026-01-06T00:00:00Z"},
                                 {"export", {{"through", 7}, {"trouble", "the disk is full"}}},
                                 {"pauses",
                                  {{{"pipeline", "nightly"},
                                    {"until", "2026-01-06T00:00:00Z"},
                                    {"cause", "the cap is reached"}}}}}}});
  EXPECT_EQ(run({"status"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("tokens: by the budget, whose day ends at 2026-01-06"));
  EXPECT_THAT(out_.str(), HasSubstr("! " + pause + "\n! " + waits + "\n"));
  EXPECT_EQ(out_.str().find("nightly"), out_.str().rfind("nightly"));
  EXPECT_EQ(out_.str().find("the disk is full"), out_.str().rfind("the disk is full"));
}

TEST_F(TokensCommandTest, TheBudgetIsALineForEachMeasureOfEachCap) {
  const Json cap{
      {"dimension", "day"},
      {"about", "each day"},
      {"tokens",
       {{"cap", 500000}, {"settled", 400000}, {"held", 1000}, {"reserved", 9000}, {"left", 90000}}},
      {"cost_usd", {{"cap", 5.0}, {"settled", 1.25}, {"held", 0.0}, {"left", 3.75}}},
      {"warned", true},
      {"reached", false},
      {"when_reached", "pause"},
      {"overrun_tokens", 12},
      {"begins_anew", "2026-01-06T00:00:00Z"}};
  host_.set("GET /v1/budget", {{"budget", true},
                               {"day", "2026-01-05"},
                               {"until", "2026-01-06T00:00:00Z"},
                               {"pauses", Json::array()},
                               {"caps", {cap}}});
  EXPECT_EQ(run({"budget", "show"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), ContainsRegex("each day +tokens +500,000 +400,000 +1,000 +9,000 +90,000 "
                                        "+82% +near +pause +2026-01-06"));
  EXPECT_THAT(out_.str(), ContainsRegex("each day +cost +[$]5.00 +[$]1.25 +[$]0 +- +[$]3.75 +25%"));
  EXPECT_THAT(out_.str(), HasSubstr("! each day: 12 tokens above what had been held"));
  host_.set("GET /v1/budget", {{"budget", false}});
  EXPECT_EQ(run({"budget", "show"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("no call of a model is granted"));
}

TEST_F(TokensCommandTest, TheOwnCapsOfOpenRunsHaveALineEach) {
  const auto own = [](const char* run, const Json& issue, const char* playbook) {
    return Json{
        {"run", run},
        {"about", std::string("run ") + run},
        {"repo", "org/app"},
        {"issue", issue},
        {"pipeline", "code"},
        {"playbook", playbook},
        {"limit", "limits.tokens of the playbook fixer, 9000"},
        {"tokens",
         {{"cap", 9000}, {"settled", 1500}, {"held", 500}, {"reserved", 0}, {"left", 7000}}},
        {"reached", false},
        {"begins_anew", nullptr}};
  };
  const Json reply{{"budget", true},
                   {"kind", "pipeline"},
                   {"name", "code"},
                   {"caps", Json::array()},
                   {"own_caps", {own("7.1", 12, "fixer"), own("8.1", nullptr, "")}}};
  host_.set("GET /v1/budget", reply);
  host_.set("GET /v1/budget/explain", reply);
  const char* line =
      "7.1 +org/app#12, fixer +run 7.1 +9,000 +1,500 +500 +0 +7,000 +never +limits.tokens of";
  EXPECT_EQ(run({"budget", "show"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), ContainsRegex(line));
  EXPECT_THAT(out_.str(), ContainsRegex("8.1 +code +run 8.1"));
  out_.str("");
  EXPECT_EQ(run({"budget", "explain", "code"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), ContainsRegex(line));
}

TEST_F(TokensCommandTest, AnExplanationEndsWithWhatIsRefused) {
  const Json cap{
      {"dimension", "run"},
      {"about", "each run"},
      {"own", false},
      {"each", true},
      {"when_reached", "refuse"},
      {"begins_anew", nullptr},
      {"tokens", {{"cap", 50}, {"settled", 0}, {"held", 0}, {"reserved", 0}, {"left", 50}}}};
  host_.set("GET /v1/budget/explain", {{"task", "heartbeat_heavy"},
                                       {"kind", "pipeline"},
                                       {"name", "health"},
                                       {"caps", {cap}},
                                       {"tightest", 0},
                                       {"refused", {"a call that may take more than 50 tokens"}}});
  EXPECT_EQ(run({"budget", "explain", "heartbeat_heavy"}), 0) << err_.str();
  EXPECT_THAT(host_.requests(), Contains("GET /v1/budget/explain?of=heartbeat_heavy "));
  EXPECT_THAT(out_.str(), HasSubstr("task heartbeat_heavy is of the pipeline health"));
  EXPECT_THAT(out_.str(), ContainsRegex("each run +tokens +50 .*refuse +never"));
  EXPECT_THAT(out_.str(), HasSubstr("Tightest: each run, 50 tokens left"));
  EXPECT_THAT(out_.str(), HasSubstr("- a call that may take more than 50 tokens"));
}

class BudgetCheckTest : public CommandTest {
 protected:
  void write(const std::string& text) { std::ofstream(folder_ / "token_budget.json") << text; }
};

TEST_F(BudgetCheckTest, ListsEveryErrorWithItsPlace) {
  write("{\n  \"day\": {\"tokenz\": 5},\n  \"zone\": \"Europe/Berlln\"\n}\n");
  EXPECT_EQ(run({"budget", "check"}), 78);
  EXPECT_THAT(out_.str(), HasSubstr("token_budget.json:2:"));
  EXPECT_THAT(out_.str(), HasSubstr("tokenz"));
  EXPECT_EQ(run({"budget", "check", "--json"}), 78);
  EXPECT_FALSE(Json::parse(out_.str())["errors"].empty());
}

TEST_F(BudgetCheckTest, WarnsOfWhatIsProbablyNotMeant) {
  write(R"({"nightly": 500000})");
  EXPECT_EQ(run({"budget", "check"}), 0) << out_.str() << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("warning: there is no cap over the day"));
  EXPECT_THAT(out_.str(), HasSubstr("token_budget.json: ok"));
}

TEST_F(BudgetCheckTest, KnowsWhichModelsTheRoutesOfHostYamlLeadTo) {
  write(
      R"({"day": {"tokens": 9, "cost": 1}, "prices": {"openai/gpt-4o": {"input": 1, "output": 1}}})");
  write_config(
      "defaults:\n  model:\n    routes:\n"
      "      main: { url: \"https://api.openai.com/v1\", provider: openai, models: [gpt-4o, o1] "
      "}\n");
  EXPECT_EQ(run({"budget", "check"}), 0) << out_.str() << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("openai/o1 of the route main has no price"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("openai/gpt-4o of")));
}

TEST_F(BudgetCheckTest, AFileThatIsNotThereIsNotFound) {
  EXPECT_EQ(run({"budget", "check"}), 66);
  EXPECT_EQ(run({"budget", "check", (folder_ / "other.json").string()}), 66);
}

}  // namespace
}  // namespace host::cli
