// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage_import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "store/inline_store.hpp"
#include "tokens/ledger_reads.hpp"
#include "tokens/ledger_sample.hpp"
#include "tokens/usage_line.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(AnyTime, ComesInManyShapes) {
  const auto is = [](std::string_view text, std::string_view utc, bool zoned) {
    const auto [at, named] = parse_any_time(text);
    EXPECT_EQ(format_utc(at), utc) << text;
    EXPECT_EQ(named, zoned) << text;
  };
  is("2026-01-05T12:00:00Z", "2026-01-05T12:00:00Z", true);
  is("2026-01-05 12:00:00 UTC", "2026-01-05T12:00:00Z", true);
  is("2026-01-05T12:00:00.123456+00:00", "2026-01-05T12:00:00.123456Z", true);
  is("2026-01-05T14:30:00+0230", "2026-01-05T12:00:00Z", true);
  is("2026-01-05T07:00:00-05", "2026-01-05T12:00:00Z", true);
  is("2026-01-05T12:00:00.123456789", "2026-01-05T12:00:00.123456Z", false);
  is("2026-01-05 12:00", "2026-01-05T12:00:00Z", false);
  is("2026-01-05", "2026-01-05T00:00:00Z", false);
  is("1767614400", "2026-01-05T12:00:00Z", true);
  is("1767614400.5", "2026-01-05T12:00:00.500000Z", true);
  is("1767614400000", "2026-01-05T12:00:00Z", true);
  is("1767614400000000", "2026-01-05T12:00:00Z", true);
  for (const char* wrong : {"", "yesterday", "2026-13-05", "2026-02-30T00:00", "12", "-1767614400",
                            "2026-01-05T25:00", "2026-01-05T12:00:00 CET", "1e300", "nan"})
    EXPECT_THROW((void)parse_any_time(wrong), Error) << wrong;
}

TEST(ReportedUsageTest, TheOldProgramsLine) {
  const auto usage = parse_reported_usage(
      R"({"task": "gitea_issue_triage", "input_tokens": 1200, "output_tokens": 80,)"
      R"( "timestamp": "2026-01-05T12:00:00.5"})");
  EXPECT_EQ(usage.spender.task, "gitea_issue_triage");
  EXPECT_EQ(usage.spender.pipeline, "gitea_issue_triage");
  EXPECT_EQ(usage.usage.input, Tokens(1200));
  EXPECT_EQ(usage.usage.output, Tokens(80));
  EXPECT_TRUE(usage.zoneless);
  EXPECT_FALSE(usage.cost);
}

TEST(ReportedUsageTest, WhatOthersCallIt) {
  const auto usage = parse_reported_usage(
      R"({"ts": 1767614400, "name": "t", "pipeline": "nightly", "prompt_tokens": 10.0,)"
      R"( "completion_tokens": "5", "model": "OpenAI/GPT-4o", "cost": 0.25,)"
      R"( "issue": "org/app#12", "what": {"ever": [1]}})");
  EXPECT_EQ(usage.spender.pipeline, "nightly");
  EXPECT_EQ(usage.usage.total(), Tokens(15));
  EXPECT_EQ(usage.model.text(), "openai/gpt-4o");
  EXPECT_EQ(usage.cost, Cost(250'000'000));
  EXPECT_EQ(usage.spender.repo, "org/app");
  EXPECT_EQ(usage.spender.issue, 12);
}

TEST(ReportedUsageTest, AMissingSideIsTheRestOfTheTotal) {
  const auto of = [](const std::string& counts) {
    return parse_reported_usage(R"({"ts": 1767614400, )" + counts + "}").usage;
  };
  EXPECT_EQ(of(R"("tokens": 70)").input, Tokens(70));
  EXPECT_EQ(of(R"("total_tokens": 70, "input_tokens": 50)").output, Tokens(20));
  EXPECT_EQ(of(R"("total_tokens": 70, "output_tokens": 50)").input, Tokens(20));
  EXPECT_EQ(of(R"("total_tokens": 99, "input_tokens": 50, "output_tokens": 1)").total(),
            Tokens(51));
}

TEST(ReportedUsageTest, SaysWhatIsWrongWithALine) {
  const auto why = [](const std::string& line) -> std::string {
    try {
      (void)parse_reported_usage(line);
      return "taken";
    } catch (const Error& error) {
      return error.message();
    }
  };
  EXPECT_THAT(why("garbage"), HasSubstr("it"));
  EXPECT_THAT(why(R"({"task": "torn", "inp)"), HasSubstr("it"));
  EXPECT_EQ(why("[]"), "it is no JSON object");
  EXPECT_EQ(why(R"({"input_tokens": 1})"), "it has no timestamp");
  EXPECT_EQ(why(R"({"ts": 1767614400})"), "it has neither input_tokens nor output_tokens");
  EXPECT_EQ(why(R"({"ts": 1767614400, "input_tokens": 0})"), "it used no tokens");
  EXPECT_EQ(why(R"({"ts": 1767614400, "input_tokens": -1})"),
            "\"input_tokens\" is -1, which is no number of tokens");
  EXPECT_EQ(why(R"({"ts": 1767614400, "input_tokens": 1e15})"),
            "\"input_tokens\" is 1e+15, which is no number of tokens");
  EXPECT_EQ(why(R"({"ts": 1767614400, "input_tokens": true})"),
            "\"input_tokens\" is true, expected a number");
  EXPECT_EQ(why(R"({"ts": "soon", "input_tokens": 1})"), "\"soon\" is not a time");
  EXPECT_THAT(why(std::string(70'000, ' ')), HasSubstr("64 KiB"));
}

class UsageImportTest : public ::testing::Test {
 protected:
  ImportReport import(const std::vector<std::string>& texts) {
    std::vector<OfferedLine> lines;
    for (const auto& text : texts) {
      int copy = 1;
      for (const auto& line : lines) copy += line.text == text;
      lines.push_back({std::ssize(lines) + 1, text, copy});
    }
    return store_.run_now([&](Unit& unit) {
      return import_usage(
          unit, lines,
          [](WallTime at) {
            return std::int64_t{
                std::chrono::floor<std::chrono::days>(at).time_since_epoch().count()};
          },
          loop_.clock().wall(), "allegro");
    });
  }
  std::vector<LedgerEntry> rows() {
    return store_.run_now([](Unit& unit) { return rows_after(unit, 0, 100); });
  }
  std::optional<AccountTotal> account(std::string_view day, Dimension dimension,
                                      std::string_view name) {
    const auto number = day.empty() ? 0 : parse_day(day);
    return store_.run_now([=](Unit& unit) { return find_account(unit, number, dimension, name); });
  }

  static constexpr const char* kLine =
      R"({"task": "t", "input_tokens": 10, "output_tokens": 5, "ts": "2026-01-03T10:00:00Z"})";
  FakeLoop loop_;
  InlineStore store_{loop_};
};

TEST_F(UsageImportTest, ALineIsARowOfItsDay) {
  const auto report = import({kLine});
  EXPECT_EQ(report.imported, 1);
  EXPECT_EQ(report.usage.total(), Tokens(15));
  const auto all = rows();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(day_text(all[0].day), "2026-01-03");
  EXPECT_EQ(all[0].source, UsageSource::reported);
  EXPECT_EQ(all[0].host, "allegro");
  EXPECT_TRUE(is_imported(all[0]));
  EXPECT_EQ(account("2026-01-03", Dimension::day, "")->usage.total(), Tokens(15));
  EXPECT_EQ(account("2026-01-03", Dimension::pipeline, "t")->usage.total(), Tokens(15));
  EXPECT_FALSE(account("2026-01-05", Dimension::day, ""));
}

TEST_F(UsageImportTest, AFileIsNotImportedTwiceAndItsNewLinesAre) {
  import({kLine});
  const std::string other =
      R"({"task": "t", "input_tokens": 1, "output_tokens": 1, "ts": "2026-01-03T10:00:00Z"})";
  const auto report = import({std::string(kLine) + "\r", other});
  EXPECT_EQ(report.already, 1);
  EXPECT_EQ(report.imported, 1);
  EXPECT_EQ(account("2026-01-03", Dimension::day, "")->usage.total(), Tokens(17));
}

TEST_F(UsageImportTest, TwoSameLinesOfAFileAreTwoUses) {
  EXPECT_EQ(import({kLine, kLine}).imported, 2);
  EXPECT_EQ(import({kLine, kLine}).already, 2);
  EXPECT_EQ(import({kLine, kLine, kLine}).imported, 1);
}

TEST_F(UsageImportTest, WhatIsSkippedIsToldWithItsLine) {
  const auto report =
      import({"torn{", "", kLine, R"({"ts": "2026-02-01T00:00:00Z", "tokens": 5})"});
  EXPECT_EQ(report.imported, 1);
  ASSERT_EQ(report.skipped.size(), 2u);
  EXPECT_EQ(report.skipped[0].number, 1);
  EXPECT_EQ(report.skipped[1].number, 4);
  EXPECT_THAT(report.skipped[1].why, HasSubstr("still to come"));
}

TEST_F(UsageImportTest, AHostsOwnLinesAreInItsLedgerAlready) {
  add_row(store_, {});
  const auto own = store_.run_now(
      [](Unit& unit) { return usage_line(rows_after(unit, 0, 1).at(0), ledger_name(unit)); });
  EXPECT_EQ(import({own}).already, 1);
  EXPECT_EQ(rows().size(), 1u);
  EXPECT_FALSE(account("2026-01-05", Dimension::day, ""));
}

TEST_F(UsageImportTest, AnotherHostsLinesCountOnceHoweverTheyAreWritten) {
  const std::string line =
      R"({"ledger": "00ff", "id": 7, "ts": "2026-01-03T10:00:00Z", "tokens": 5, "host": "b")";
  EXPECT_EQ(import({line + "}"}).imported, 1);
  EXPECT_EQ(import({line + ", \"more\": 1}"}).already, 1);
  EXPECT_EQ(rows()[0].host, "b");
}

TEST_F(UsageImportTest, NoIssuesCapSeesWhatWasSpentElsewhere) {
  import({R"({"ts": "2026-01-05T10:00:00Z", "tokens": 5, "issue": "org/app#1"})"});
  EXPECT_FALSE(account("", Dimension::issue, "org/app#1"));
  EXPECT_EQ(account("2026-01-05", Dimension::day, "")->usage.total(), Tokens(5));
}

}  // namespace
}  // namespace host
