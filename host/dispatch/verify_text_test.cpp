// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/error.hpp"
#include "dispatch/template_quote.hpp"
#include "dispatch/verify.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using State = Check::State;

TEST(Verdicts, PassWhenEveryCheckDid) {
  EXPECT_FALSE(WorkVerdict{}.passed()) << "nothing was checked";
  EXPECT_TRUE((WorkVerdict{{{"a", State::passed, "", ""}}, {}}).passed());
  EXPECT_FALSE(
      (WorkVerdict{{{"a", State::passed, "", ""}, {"b", State::not_run, "", ""}}, {}}).passed());
  EXPECT_FALSE(
      (WorkVerdict{{{"a", State::failed, "", ""}, {"b", State::passed, "", ""}}, {}}).passed());
}

TEST(Verdicts, AreKeptAsJson) {
  const WorkVerdict verdict{{{"size", State::passed, "2 files", ""},
                             {"command x", State::failed, "ended with status 1", "b\xff\n"}},
                            {"a note"}};
  auto expected = verdict;
  expected.checks[1].evidence = "b\xEF\xBF\xBD\n";
  const auto read = parse_verdict(parse_json(to_text(to_json(verdict)), "it"));
  EXPECT_EQ(read.checks, expected.checks);
  EXPECT_EQ(read.notes, verdict.notes);
  EXPECT_THROW((void)parse_verdict(Json{{"checks", {{{"name", 1}}}}}), Error);
  EXPECT_THROW(
      (void)parse_verdict(
          Json{{"checks", {{{"name", "a"}, {"state", "great"}, {"summary", ""}, {"evidence", ""}}}},
               {"notes", Json::array()}}),
      Error);
}

TEST(Feedback, SaysWhatFailedWithItsEvidence) {
  const WorkVerdict verdict{{{"size", State::passed, "2 files", ""},
                             {"command x", State::failed, "ended with status 1", "one\ntwo"},
                             {"command y", State::not_run, "an earlier command failed", ""},
                             {"secrets", State::failed, "a credential", ""}},
                            {}};
  EXPECT_EQ(feedback(verdict),
            "1. command x: ended with status 1\n    one\n    two\n2. secrets: a credential\n");
}

TEST(Feedback, FitsItsQuotationHoweverMuchFailed) {
  WorkVerdict verdict;
  for (int i = 0; i < 60; ++i)
    verdict.checks.push_back({"command c" + std::to_string(i), State::failed, "ended with status 1",
                              std::string(kMostEvidence, '\n') + "end"});
  const auto text = feedback(verdict);
  EXPECT_LT(text.size(), kQuotedText);
  EXPECT_THAT(quote_text(text, TemplatePlace::prompt), Not(HasSubstr("(The first")));
  EXPECT_THAT(text, HasSubstr("command c59"));
}

TEST(Feedback, KeepsTheEndOfWhatIsTooLong) {
  const WorkVerdict verdict{{{"a", State::failed, "x", std::string(4000, 'a') + "\nTHE END"},
                             {"b", State::failed, "x", std::string(4000, 'b')},
                             {"c", State::failed, "x", ""},
                             {"d", State::failed, "x", ""},
                             {"e", State::failed, "x", ""}},
                            {}};
  EXPECT_THAT(feedback(verdict), HasSubstr("THE END"));
}

TEST(ResultsTables, AreMarkdownThatNoCellCanLeave) {
  const WorkVerdict verdict{
      {{"proof in x", State::failed, "expected a match of a|b `c` <d>\nz", ""}}, {}};
  EXPECT_EQ(results_table(verdict),
            "| gate | result | found |\n|---|---|---|\n"
            "| proof in x | failed | expected a match of a\\|b \\`c\\` \\<d> z |");
}

TEST(ResultsTables, HoldNoWordOfTheAgents) {
  const WorkVerdict verdict{{{"command x", State::failed, "ended with status 1", "@all look"}}, {}};
  EXPECT_THAT(results_table(verdict), Not(HasSubstr("@all")));
}

}  // namespace
}  // namespace host::dispatch
