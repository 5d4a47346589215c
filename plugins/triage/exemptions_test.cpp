// SPDX-License-Identifier: Apache-2.0
#include "exemptions.hpp"

#include <gmock/gmock.h>

#include "duration.hpp"
#include "wording.hpp"

namespace triage {
namespace {

using timmy::Json;

TEST(Exemptions, OfNothingCoverNothing) {
  timmy::Issue issue;
  issue.labels = {"x"};
  issue.milestone = "2.0";
  EXPECT_FALSE(Exemptions::from(Json::object()).cover(issue));
  EXPECT_FALSE(Exemptions::from(Json::object()).cover_repo("org/app"));
}

TEST(Exemptions, AStarIsForWhateverThereIs) {
  const auto any = Exemptions::from({{"milestones", {"*"}}, {"assignees", {"*"}}});
  timmy::Issue issue;
  EXPECT_FALSE(any.cover(issue)) << "there is none";
  issue.milestone = "2.0";
  EXPECT_TRUE(any.cover(issue));
  timmy::PullRequest pull;
  pull.assignees = {"bob"};
  EXPECT_TRUE(any.cover(pull));
}

TEST(Exemptions, LoginsAreComparedWithoutCaseLabelsAreNot) {
  const auto exempt = Exemptions::from({{"authors", {"Bob"}}, {"labels", {"Pinned"}}});
  timmy::Issue issue;
  issue.user = "bOB";
  EXPECT_TRUE(exempt.cover(issue));
  issue.user.clear();
  issue.labels = {"pinned"};
  EXPECT_FALSE(exempt.cover(issue));
}

TEST(Exemptions, RepositoriesAreComparedWithoutCase) {
  EXPECT_TRUE(Exemptions::from({{"repos", {"Org/Lib-*"}}}).cover_repo("org/lib-one"));
}

TEST(Wording, QuotesNothingThatCouldBeMarkup) {
  EXPECT_EQ(quoted("ci/build"), "`ci/build`");
  EXPECT_EQ(quoted("a`\n<!-- b -->"), "`a   !-- b -- `");
  EXPECT_EQ(quoted(std::string(200, 'x')), "`" + std::string(120, 'x') + "...`");
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "\u00e4";
  EXPECT_EQ(quoted("x" + wide), "`x" + wide.substr(0, 118) + "...`") << "no half letters";
}

TEST(Wording, TellsMinutes) {
  EXPECT_EQ(minute_text(*timmy::parse_time("2026-01-05T12:03:59.5Z")), "2026-01-05 12:03 UTC");
}

TEST(Duration, IsNumbersWithUnits) {
  EXPECT_EQ(parse_duration("1d12h"), std::chrono::hours(36));
  for (const char* text : {"", "5", "h", "5x", "999999999d", "-1h"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace triage
