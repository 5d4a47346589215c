// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include "figures.hpp"
#include "fixture.hpp"
#include "forecast.hpp"

namespace budget {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using timmy::Json;
using timmy::testing::Account;

class Report : public BudgetTest {
 protected:
  Report() { world_.forge.add_repo("org/ops"); }
  std::string body() {
    const auto outcome = run("token_report", {{"report", {"org/ops"}}});
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    return world_.forge.issue("org/ops", 1).body;
  }
};

TEST_F(Report, DoesNothingWithoutARepository) {
  EXPECT_TRUE(run("token_report").result.contains("skipped"));
  EXPECT_TRUE(world_.calls.empty());
}

TEST_F(Report, IsOneIssueThatIsKeptUpToDate) {
  EXPECT_THAT(body(), HasSubstr("2026-01-05T12:00Z"));
  world_.advance(std::chrono::days(1));
  EXPECT_THAT(body(), HasSubstr("2026-01-06T12:00Z"));
  EXPECT_EQ(world_.forge.repo("org/ops").issues.size(), 1u);
  EXPECT_EQ(world_.forge.issue("org/ops", 1).title, "Token report");
}

TEST_F(Report, ComparesYesterdayWithTheSevenDaysBefore) {
  account_.spend("pipeline", "nightly", 0, {500, 0, 0, 0, 0});
  account_.spend("pipeline", "nightly", 1, {1000, 200, 0, 0, 0}, 3, 1.5);
  for (int day = 2; day <= 8; ++day) account_.spend("pipeline", "nightly", day, {1000, 0, 0, 0, 0});
  account_.spend("pipeline", "nightly", 9, {999'999, 0, 0, 0, 0});
  account_.spend("pipeline", "young", 1, {7, 0, 0, 0, 0});
  EXPECT_THAT(body(), AllOf(HasSubstr("| `nightly` | 500 | 1,200 | 1,000 | +20% | $1.50 |"),
                            HasSubstr("| `young` | 0 | 7 | 0 | new |  |")));
}

TEST_F(Report, TellsOfModelsAndIssuesSoThatTheForgeMakesNoReferenceOfThem) {
  account_.spend("model", "acme/la|rge`", 0, {5, 5, 0, 0, 0});
  account_.spend("issue", "org/app#7", 1, {1'000'000, 234'567, 0, 0, 0}, 4);
  EXPECT_THAT(body(), AllOf(HasSubstr("| `acme/la/rge'` | 10 | 0 |"),
                            HasSubstr("| `org/app#7` | 1,234,567 | 4 |")));
}

TEST_F(Report, SaysWhatRunsOutWhen) {
  account_.standings = {Account::standing("day", "", 1000, 100),
                        Account::standing("pipeline", "nightly", 1000, 800),
                        Account::standing("pipeline", "done", 1000, 1000),
                        Account::standing("run", "12.1", 10, 1, "")};
  account_.pauses = {Account::pause("done", "its cap is reached")};
  EXPECT_THAT(
      body(),
      AllOf(
          HasSubstr("| `pipeline \"nightly\"` | 800 | 1,000 | runs out at 2026-01-05 15:00 UTC |"),
          HasSubstr("| `each day` | 100 | 1,000 | lasts |"),
          HasSubstr("| 1,000 | 1,000 | used up, begins anew at 2026-01-06 00:00 UTC |"),
          HasSubstr("- `done` pauses until 2026-01-06T00:00:00Z: `its cap is reached`"),
          Not(HasSubstr("12.1"))));
}

TEST_F(Report, CutsLongTables) {
  for (int i = 0; i < 25; ++i)
    account_.spend("model", "m" + std::to_string(i), 0, {100 - i, 0, 0, 0, 0});
  EXPECT_THAT(body(), AllOf(HasSubstr("`m19`"), Not(HasSubstr("`m20`")), HasSubstr("and 5 more.")));
}

TEST_F(Report, SaysWhereMoreWasUsedThanItKnowsOf) {
  account_.spend("issue", "org/app#7", 1, {10, 0, 0, 0, 0});
  EXPECT_THAT(body(), Not(HasSubstr("some are missing")));
  account_.usage_cut = true;
  EXPECT_THAT(body(), HasSubstr("some are missing"));
  account_ = {};
  account_.usage_cut = true;
  account_.spend("pipeline", "nightly", 1, {10, 0, 0, 0, 0});
  EXPECT_THAT(body(), HasSubstr("some are missing"));
}

TEST_F(Report, ARepositoryThatRefusesKeepsNoOtherFromItsTurn) {
  const auto outcome = run("token_report", {{"report", {"org/gone", "org/ops"}}});
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_THAT(outcome.message, HasSubstr("org/gone: "));
  EXPECT_EQ(world_.forge.repo("org/ops").issues.size(), 1u);
}

timmy::TokenStanding standing(std::int64_t settled, const std::string& anew) {
  return timmy::TokenStanding::from(Account::standing("pipeline", "x", 1000, settled, anew));
}

TEST(Forecast, IsSilentWhereARateSaysNothing) {
  const auto midnight = *timmy::parse_time("2026-01-06T00:00:00Z");
  const std::string anew = "2026-01-06T00:00:00Z";
  EXPECT_FALSE(runs_out(standing(900, anew), midnight - std::chrono::minutes(24 * 60 - 59)));
  EXPECT_FALSE(runs_out(standing(0, anew), midnight - std::chrono::hours(12)));
  EXPECT_FALSE(runs_out(standing(500, anew), midnight - std::chrono::hours(12)));
  EXPECT_EQ(runs_out(standing(501, anew), midnight - std::chrono::hours(12)).has_value(), true);
  EXPECT_FALSE(runs_out(standing(900, ""), midnight));
  EXPECT_FALSE(runs_out(standing(1000, anew), midnight - std::chrono::hours(12)));
}

TEST(Grouped, PutsCommasAtThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
}

}  // namespace
}  // namespace budget
