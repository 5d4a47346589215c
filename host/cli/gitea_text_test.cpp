// SPDX-License-Identifier: Apache-2.0
#include "cli/gitea_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace host::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

const WallTime kNow = parse_utc("2026-06-01T12:00:00Z");

Json pull(const Json& more = Json::object()) {
  Json row{{"repo", "org/app"},
           {"number", 7},
           {"title", "Mend it"},
           {"author", "ada"},
           {"state", "open"},
           {"draft", false},
           {"mergeable", true},
           {"base", "main"},
           {"head", "fix"},
           {"head_repo", "org/app"},
           {"labels", Json::array()},
           {"assignees", Json::array()},
           {"checks", "success"},
           {"reviews",
            {{"approved", {"bob", "eve"}},
             {"changes_requested", Json::array()},
             {"stale", {"eve"}},
             {"requested", {"joe"}}}},
           {"created_at", "2026-05-29T12:00:00Z"},
           {"updated_at", "2026-05-30T12:00:00Z"},
           {"url", ""}};
  row.update(more);
  return row;
}

std::string pulls_text(const std::vector<Json>& rows, int left_out = 0) {
  std::ostringstream out;
  print_pulls(out,
              {{"prs", rows},
               {"left_out", left_out},
               {"repos", {"org/app"}},
               {"failed", Json::array()},
               {"counts",
                {{"open", rows.size()},
                 {"merged", 0},
                 {"closed", 0},
                 {"shown",
                  {{"draft", 0},
                   {"mergeable", 1},
                   {"checks", {{"success", 1}}},
                   {"approved", 1},
                   {"changes_requested", 0}}}}}},
              kNow);
  return out.str();
}

TEST(GiteaText, APullRequestIsALineAndTheCountsAreBelow) {
  EXPECT_EQ(
      pulls_text({pull()}),
      "PR         TITLE    AUTHOR  BRANCHES   MERGE  CHECKS   REVIEWS                       AGE\n"
      "org/app#7  Mend it  ada     main<-fix  yes    success  2 approved, 1 stale, 1 asked  3d\n"
      "1 pull request in 1 repository: 1 open, 0 merged, 0 closed\n"
      "shown: 1 mergeable, 0 drafts, 1 approved, 0 with changes requested; checks: success 1\n");
  EXPECT_THAT(pulls_text({pull()}, 5), HasSubstr("5 more are not shown: --limit 0 shows all\n"));
}

TEST(GiteaText, WhatIsNotKnownIsNoAnswer) {
  EXPECT_THAT(pulls_text({pull({{"checks", nullptr}, {"reviews", nullptr}})}),
              HasSubstr("yes    ?       ?        3d"));
  EXPECT_THAT(pulls_text({pull({{"mergeable", false}, {"checks", "none"}})}),
              HasSubstr("main<-fix  no     -  "));
  EXPECT_THAT(pulls_text({pull({{"draft", true}})}), HasSubstr(" draft "));
  EXPECT_THAT(pulls_text({pull({{"state", "merged"}, {"mergeable", true}})}),
              HasSubstr(" merged "));
  EXPECT_THAT(pulls_text({pull({{"head_repo", "ada/app"}})}), HasSubstr("main<-ada:fix"));
  EXPECT_THAT(pulls_text({}), "0 pull requests in 1 repository: 0 open, 0 merged, 0 closed\n");
}

TEST(GiteaText, TitlesOfStrangersNeitherDriveTheTerminalNorPushColumnsAway) {
  const auto text = pulls_text({pull({{"title",
                                       "a\x1b]0;x\x07\nb\xc2\x9b"
                                       "31m\xe2\x80\xae"
                                       "txt"},
                                      {"author", "\x1b[2J"},
                                      {"head", "x\ty"}})});
  EXPECT_THAT(text, HasSubstr("a?]0;x??b?31m?txt"));
  for (const char* bad : {"\x1b", "\x07", "\xc2\x9b", "\xe2\x80\xae", "\t"})
    EXPECT_THAT(text, Not(HasSubstr(bad)));
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "ü";
  EXPECT_THAT(
      pulls_text({pull({{"title", wide}})}),
      AllOf(HasSubstr(wide.substr(0, 120) + "...  ada"), Not(HasSubstr(wide.substr(0, 122)))));
}

TEST(GiteaText, IssuesAreCountedByLabelAndPersonTheMostFrequentFirst) {
  Json by_label{{"bug", 5}, {"docs", 9}};
  for (int i = 0; i < 12; ++i) by_label["l" + std::to_string(i)] = 1;
  std::ostringstream out;
  print_issues(out,
               {{"issues",
                 {{{"repo", "org/app"},
                   {"number", 3},
                   {"title", "It crashes"},
                   {"state", "open"},
                   {"labels", {"bug", "docs"}},
                   {"assignees", Json::array()},
                   {"created_at", nullptr}}}},
                {"left_out", 0},
                {"repos", {"org/app", "org/site"}},
                {"counts",
                 {{"open", 14},
                  {"closed", 1},
                  {"by_label", by_label},
                  {"by_assignee", {{"ada", 2}}},
                  {"unlabelled", 4},
                  {"unassigned", 13}}}},
               kNow);
  EXPECT_EQ(out.str(),
            "ISSUE      TITLE       STATE  LABELS     ASSIGNEES  AGE\n"
            "org/app#3  It crashes  open   bug, docs  -          -\n"
            "15 issues in 2 repositories: 14 open, 1 closed\n"
            "labels: docs 9, bug 5, l0 1, l1 1, l10 1, l11 1, l2 1, l3 1, l4 1, l5 1, 4 others, "
            "without 4\n"
            "assignees: ada 2, without 13\n");
}

TEST(GiteaText, LabelsShowWhereTheyAreMissingAndWhatDiffers) {
  const auto look = [](const char* color) {
    return Json{{"color", color}, {"description", ""}, {"exclusive", false}};
  };
  Json bug = look("ff0000");
  bug.update({{"owner", "org"},
              {"name", "bug"},
              {"of_organisation", false},
              {"issues", 12},
              {"in", {"a", "b", "c"}},
              {"missing_in", {"d"}},
              {"differs_in", {{"b", look("00ff00")}, {"c", look("ff0000")}}}});
  std::ostringstream out;
  print_labels(
      out, {{"labels", {bug}},
            {"left_out", 0},
            {"repos", {"org/a", "org/b", "org/c", "org/d"}},
            {"counts",
             {{"labels", 1}, {"shown", {{"consistent", 0}, {"differing", 1}, {"missing", 1}}}}}});
  EXPECT_EQ(out.str(),
            "OWNER  LABEL  COLOUR   ISSUES  REPOS  MISSING IN  DIFFERS IN\n"
            "org    bug    #ff0000  12      3      d           b (#00ff00), c\n"
            "1 label in 4 repositories; shown: 0 the same everywhere, 1 missing somewhere, 1 that "
            "differ\n");
}

TEST(GiteaText, AFailureIsALineThatNamesWhatFailed) {
  std::ostringstream err;
  print_failures(
      err,
      {{{"what", "org/x*"}, {"code", "not_found"}, {"error", "it fits nothing"}, {"fix", "Check."}},
       {{"what", "org/b"}, {"code", "denied"}, {"error", "listing org/b\n: 403"}, {"fix", ""}}});
  EXPECT_EQ(err.str(),
            "timmy-host: org/x*: it fits nothing; Check.\n"
            "timmy-host: listing org/b?: 403\n");
}

TEST(GiteaText, AnAgeHasItsLargestUnit) {
  for (const auto& [age, text] : std::vector<std::pair<Duration, const char*>>{{-5min, "0m"},
                                                                               {59min, "59m"},
                                                                               {60min, "1h"},
                                                                               {47h, "1d"},
                                                                               {24h * 27, "27d"},
                                                                               {24h * 28, "4w"},
                                                                               {24h * 400, "1y"}})
    EXPECT_EQ(age_text(age), text);
}

}  // namespace
}  // namespace host::cli
