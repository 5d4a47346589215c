// SPDX-License-Identifier: Apache-2.0
//
// What tasks say that they used.
#include <gmock/gmock.h>

#include "tokens/ledger_fixture.hpp"

namespace host {
namespace {

using testing::ElementsAre;

class LedgerReportTest : public LedgerTest {
 protected:
  LedgerReportTest() {
    budget(R"({"day": {"tokens": 100, "when_reached": "pause"},
               "prices": {"openai/gpt-4o": {"input": 1, "output": 2}}})");
  }
  static TokenUsage usage(std::int64_t input, std::int64_t output) {
    return {Tokens(input), Tokens(output), {}, {}, {}};
  }
  // As in the transaction of a completion.
  void report(std::vector<Report> reports, const Spender& who = spender()) {
    auto work = ledger_->reporting(who, std::move(reports));
    (void)wait<Done>([&](auto done) { store_.submit(work, done); }).value();
  }
};

TEST_F(LedgerReportTest, what_the_host_did_not_see_is_charged) {
  report({{kModel, usage(10, 5)}, {{"anthropic", "opus"}, usage(1, 1)}});
  EXPECT_THAT(rows(), ElementsAre("reported 10+5 $0.00002", "reported 1+1"));
  EXPECT_EQ(account(Dimension::day).settled, Tokens(17));
  EXPECT_EQ(account(Dimension::model, "openai/gpt-4o").settled, Tokens(15));
  EXPECT_EQ(account(Dimension::run, "1.1").settled, Tokens(17));
  EXPECT_EQ(account(Dimension::day).calls, 0);
  EXPECT_EQ(number("SELECT min(bypassable) FROM ledger"), 1) << "it was not asked through the host";
}

TEST_F(LedgerReportTest, a_report_by_an_older_budget_is_charged_and_pauses_nobody) {
  const auto work = ledger_->reporting(spender(), {{kModel, usage(60, 40)}});
  budget(R"({"day": {"tokens": 200, "when_reached": "pause"}})");
  (void)wait<Done>([&](auto done) { store_.submit(work, done); }).value();
  EXPECT_EQ(account(Dimension::day).settled, Tokens(100));
  EXPECT_EQ(number("SELECT count(*) FROM token_pauses"), 0);
  EXPECT_TRUE(ledger_->pauses().empty());
  report({{kModel, usage(200, 0)}}, spender("nightly", "1.2"));
  EXPECT_TRUE(ledger_->pauses().contains("nightly")) << "the new cap does";
}

TEST_F(LedgerReportTest, money_that_no_cap_sees_is_told) {
  budget(
      R"({"models": {"*": {"cost": 1}}, "prices": {"openai/gpt-4o": {"input": 1, "output": 2}}})");
  report({{kModel, usage(1, 1)}, {{}, usage(2, 2)}, {{"anthropic", "opus"}, usage(3, 3)}});
  EXPECT_TRUE(logged("6 tokens of anthropic/opus by nightly are charged without a cost"));
  EXPECT_FALSE(logged("2 tokens of openai/gpt-4o"));
  EXPECT_FALSE(logged("not named")) << "the cap is over models, and this is none";
}

TEST_F(LedgerReportTest, what_the_host_has_metered_for_the_run_is_not_charged_twice) {
  EXPECT_TRUE(settle(hold(reserve(0).value(), 10, 10).value().id, 10, 5));
  report({{kModel, usage(10, 5)}});
  report({{kModel, usage(8, 7)}, {{"a", "b"}, usage(4, 0)}}, spender("nightly", "1.2"));
  EXPECT_THAT(rows(), ElementsAre("meter 10+5 $0.00002", "reported 8+7 $0.000022", "reported 4+0"));
}

TEST_F(LedgerReportTest, only_what_exceeds_it_is) {
  EXPECT_TRUE(settle(hold(reserve(0).value(), 10, 10).value().id, 10, 5));
  report({{kModel, usage(8, 7)}, {{"a", "b"}, usage(4, 0)}});
  EXPECT_THAT(rows(), ElementsAre("meter 10+5 $0.00002", "reported 0+2 $0.000004", "reported 2+0"));
}

TEST_F(LedgerReportTest, a_report_of_no_model_goes_to_no_model) {
  report({{{}, usage(10, 5)}});
  EXPECT_EQ(account(Dimension::day).settled, Tokens(15));
  EXPECT_EQ(number("SELECT count(*) FROM accounts WHERE dimension='model'"), 0);
}

TEST_F(LedgerReportTest, a_report_counts_past_a_cap_and_pauses_the_pipeline) {
  report({{kModel, usage(100, 50)}});
  EXPECT_EQ(account(Dimension::day).settled, Tokens(150));
  EXPECT_EQ(ledger_->pauses().size(), 1u);
  EXPECT_FALSE(reserve(1));
}

TEST_F(LedgerReportTest, a_report_goes_to_the_day_of_the_runs_reservation) {
  const auto yesterday = ledger_->today();
  EXPECT_TRUE(reserve(10));
  loop_.fake_clock().suspend(std::chrono::hours(13));
  report({{kModel, usage(10, 5)}});
  EXPECT_EQ(account(yesterday, Dimension::day, "").settled, Tokens(15));
  report({{kModel, usage(10, 5)}}, spender("nightly", "9.9"));
  EXPECT_EQ(account(Dimension::day).settled, Tokens(15));
}

TEST_F(LedgerReportTest, lies_have_bounds) {
  report({{kModel, usage(-5, std::numeric_limits<std::int64_t>::max())}});
  EXPECT_EQ(account(Dimension::day).settled, kMostTokensOfACall);
}

}  // namespace
}  // namespace host
