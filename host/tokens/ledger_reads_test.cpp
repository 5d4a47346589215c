// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger_reads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fake_loop.hpp"
#include "store/inline_store.hpp"
#include "tokens/ledger_sample.hpp"
#include "tokens/usage_line.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LedgerReadsTest : public ::testing::Test {
 protected:
  template <class Read>
  auto read(Read work) {
    return store_.run_now(std::move(work));
  }
  static std::vector<std::int64_t> ids(const std::vector<LedgerEntry>& rows) {
    std::vector<std::int64_t> all;
    for (const auto& row : rows) all.push_back(row.id);
    return all;
  }
  void add_account(std::int64_t day, std::string_view dimension, std::string_view name,
                   std::int64_t input) {
    store_.run_now([=](Unit& unit) {
      unit.run(
          "INSERT INTO accounts(day, dimension, name, settled, input, calls, runs, updated)"
          " VALUES(?1, ?2, ?3, ?4, ?4, 2, 1, 0)",
          day, dimension, name, input);
    });
  }
  // Whether SQLite finds these rows by an index, and sees no others.
  std::string plan(const std::string& sql) {
    return store_.run_now([&](Unit& unit) {
      auto& row = unit.prepare("EXPLAIN QUERY PLAN " + sql);
      std::string text;
      while (row.step()) text += row.string(3) + "\n";
      return text;
    });
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
};

TEST_F(LedgerReadsTest, RowsComeBackAsTheyWereWritten) {
  const auto id = add_row(store_, {.repo = "org/app", .issue = 7});
  const auto rows = read([](Unit& unit) { return rows_after(unit, 0, 10); });
  ASSERT_EQ(rows.size(), 1u);
  const auto& row = rows[0];
  EXPECT_EQ(row.id, id);
  EXPECT_EQ(format_utc(row.at), "2026-01-05T12:00:00Z");
  EXPECT_EQ(day_text(row.day), "2026-01-05");
  EXPECT_EQ(row.spender.pipeline, "nightly");
  EXPECT_EQ(row.spender.job, JobId(12));
  EXPECT_EQ(row.model.text(), "openai/gpt-4o");
  EXPECT_EQ(row.usage.total(), Tokens(120));
  EXPECT_EQ(row.usage.cache_read, Tokens(40));
  EXPECT_EQ(row.cost, Cost(1'230'000));
  EXPECT_TRUE(row.bypassable);
}

TEST_F(LedgerReadsTest, PagesGoOnAfterAnId) {
  for (int i = 0; i < 5; ++i) add_row(store_, {});
  EXPECT_THAT(ids(read([](Unit& unit) { return rows_after(unit, 0, 2); })), ElementsAre(1, 2));
  EXPECT_THAT(ids(read([](Unit& unit) { return rows_after(unit, 2, 2); })), ElementsAre(3, 4));
  EXPECT_THAT(ids(read([](Unit& unit) { return rows_after(unit, 5, 2); })), IsEmpty());
}

TEST_F(LedgerReadsTest, AJobsRunsAreItsOwnAndNoOthers) {
  for (const char* run : {"12.1", "12.30", "123.1", "1.2", "12", "sess-1"})
    add_row(store_, {.run = run});
  EXPECT_THAT(ids(read([](Unit& unit) { return rows_of_job(unit, JobId(12), 10); })),
              ElementsAre(2, 1));
  EXPECT_THAT(ids(read([](Unit& unit) { return rows_of_run(unit, "sess-1", 10); })),
              ElementsAre(6));
}

TEST_F(LedgerReadsTest, AnIssueIsFoundHoweverItsRepositoryIsSpelled) {
  add_row(store_, {.repo = "Org/App", .issue = 7});
  add_row(store_, {.repo = "org/app", .issue = 7});
  add_row(store_, {.repo = "org/app", .issue = 8});
  add_row(store_, {.repo = "ORG/app", .issue = 7});
  for (const auto* spelled : {"Org/App", "org/app", "org/APP"})
    EXPECT_THAT(ids(read([&](Unit& unit) { return rows_of_issue(unit, spelled, 7, 10); })),
                ElementsAre(4, 2, 1));
}

TEST_F(LedgerReadsTest, NoQueryOfRowsLooksAtTheWholeLedger) {
  EXPECT_THAT(plan("SELECT id FROM ledger WHERE run > ? AND run < ? AND run <> '' ORDER BY id"),
              ::testing::HasSubstr("ledger_run"));
  EXPECT_THAT(plan("SELECT id FROM ledger WHERE run = ? AND run <> '' ORDER BY id DESC LIMIT ?"),
              ::testing::HasSubstr("ledger_run"));
  EXPECT_THAT(plan("SELECT id FROM ledger WHERE repo = ? COLLATE NOCASE AND issue = ?"
                   " AND repo <> '' ORDER BY id DESC LIMIT ?"),
              ::testing::HasSubstr("ledger_issue (repo=? AND issue=?)"));
  EXPECT_THAT(plan("SELECT input FROM accounts WHERE day = ? AND dimension = ? LIMIT ?"),
              ::testing::HasSubstr("SEARCH accounts USING PRIMARY KEY (day=? AND dimension=?)"));
}

TEST_F(LedgerReadsTest, TotalsOfSeveralDaysAreAddedUpByName) {
  add_account(10, "pipeline", "nightly", 500);
  add_account(11, "pipeline", "nightly", 50);
  add_account(11, "pipeline", "triage", 520);
  add_account(12, "pipeline", "triage", 9'000);
  add_account(11, "model", "openai/gpt-4o", 570);
  const auto totals =
      read([](Unit& unit) { return totals_of_days(unit, Dimension::pipeline, 10, 11, 5); }).totals;
  ASSERT_EQ(totals.size(), 2u);
  EXPECT_EQ(totals[0].name, "nightly");
  EXPECT_EQ(totals[0].usage.total(), Tokens(550));
  EXPECT_EQ(totals[0].calls, 4);
  EXPECT_EQ(totals[1].name, "triage");
  const auto one =
      read([](Unit& unit) { return totals_of_days(unit, Dimension::pipeline, 10, 12, 1); });
  EXPECT_EQ(one.totals.at(0).name, "triage");
  EXPECT_FALSE(one.cut);
}

TEST_F(LedgerReadsTest, RunsOfOnePrefixAreAddedUpWithWhatTheyHoldAndNoOthers) {
  add_account(0, "run", "d1.1", 100);
  add_account(0, "run", "d1.20", 30);
  for (const char* other : {"d1", "d1/1", "d10.1", "d2.1", "e1.1"}) add_account(0, "run", other, 7);
  add_account(0, "issue", "d1.1", 7);
  store_.run_now(
      [](Unit& unit) { unit.run("UPDATE accounts SET held=5, reserved=1 WHERE name='d1.20'"); });
  EXPECT_EQ(read([](Unit& unit) { return taken_by_runs(unit, "d1."); }), Tokens(136));
  EXPECT_EQ(read([](Unit& unit) { return taken_by_runs(unit, "d3."); }), Tokens(0));
  EXPECT_THAT(plan("SELECT sum(settled) FROM accounts WHERE day = 0 AND dimension = 'run' AND name "
                   ">= 'd1.' AND name < 'd1/'"),
              ::testing::HasSubstr("name>? AND name<?"));
}

TEST_F(LedgerReadsTest, OfYearsWithManyNamesTheLatestDaysAreLookedAtAndThatIsSaid) {
  store_.run_now([](Unit& unit) {
    unit.run(
        "WITH RECURSIVE each(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM each WHERE n < 50999)"
        " INSERT INTO accounts(day, dimension, name, input, settled, calls, updated)"
        " SELECT 20000 - n / 1000, 'pipeline', 'p' || (n % 1000), 1, 1, 1, 0 FROM each");
  });
  const auto top = [&](std::int64_t from) {
    return read(
        [from](Unit& unit) { return totals_of_days(unit, Dimension::pipeline, from, 20'000, 10); });
  };
  EXPECT_TRUE(top(20'000 - 3660).cut);
  EXPECT_EQ(top(20'000 - 3660).totals.at(0).usage.total(), Tokens(50)) << "of 51 days the last 50";
  EXPECT_FALSE(top(20'000 - 49).cut) << "these are 50,000, and all of them";
}

TEST_F(LedgerReadsTest, TheDearestIssuesAreThoseThatSpentLatelyByAllTheyEverSpent) {
  add_row(store_, {.repo = "Org/App", .issue = 7, .day = 20'458});
  add_row(store_, {.repo = "org/app", .issue = 8, .day = 20'458});
  add_account(0, "issue", "org/app#7", 100);
  add_account(0, "issue", "org/app#8", 9'000);
  add_account(0, "issue", "org/app#9", 99'000);  // spent long ago
  const auto top =
      read([](Unit& unit) { return top_spenders(unit, Dimension::issue, 20'458, 10); });
  ASSERT_EQ(top.totals.size(), 2u);
  EXPECT_EQ(top.totals[0].name, "org/app#8");
  EXPECT_EQ(top.totals[1].name, "org/app#7");
  EXPECT_FALSE(top.cut);
}

TEST_F(LedgerReadsTest, DaysAreReadStrictly) {
  EXPECT_EQ(parse_day("2026-01-05"), 20'458);
  EXPECT_EQ(day_text(20'458), "2026-01-05");
  EXPECT_THROW((void)parse_day("2026-01-05T00:00Z"), Error);
  EXPECT_THROW((void)parse_day("2026-02-30"), Error);
}

}  // namespace
}  // namespace host
