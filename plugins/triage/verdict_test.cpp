// SPDX-License-Identifier: Apache-2.0
#include "verdict.hpp"

#include <gmock/gmock.h>

namespace triage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using timmy::Json;
using Is = Verdict::Is;

const std::string kHead(40, 'a'), kOld(40, 'b');

// A pull request of amy's that has all that is asked for; each test takes something away.
class Judging : public testing::Test {
 protected:
  Judging() {
    facts_.me = "timmy";
    facts_.pull.number = 7;
    facts_.pull.user = "amy";
    facts_.pull.mergeable = true;
    facts_.pull.base.branch = "main";
    facts_.pull.head.sha = kHead;
    facts_.checks = {{"ci/build", "success"}};
    review("bob", "APPROVED");
  }
  timmy::Review& review(const std::string& user, const std::string& state,
                        const std::string& may = "write") {
    facts_.permissions[user] = may;
    timmy::Review& made = facts_.reviews.emplace_back();
    made.user = user, made.state = state, made.commit_sha = kHead, made.official = true;
    return made;
  }
  [[nodiscard]] Is verdict() const { return judge(facts_, ReviewTerms(config_)).is; }
  // What is not met.
  [[nodiscard]] std::vector<std::string> missing() const {
    std::vector<std::string> all;
    for (const auto& point : judge(facts_, ReviewTerms(config_)).points)
      if (!point.met) all.push_back(point.text);
    return all;
  }

  PullFacts facts_;
  Json config_{{"approvals", 1}, {"approver", "write"}, {"without_checks", false}};
};

TEST_F(Judging, WithAllThatIsAskedForItIsReady) {
  EXPECT_EQ(verdict(), Is::ready);
  EXPECT_THAT(missing(), IsEmpty());
}

TEST_F(Judging, ConflictsKeepItWaitingOnceTheForgeIsSure) {
  facts_.pull.mergeable = false;
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("conflicts with `main`")));
  EXPECT_EQ(verdict(), Is::waiting);
  facts_.settled = false;
  EXPECT_EQ(verdict(), Is::unsettled);
}

TEST_F(Judging, EachCheckHasToHavePassed) {
  facts_.checks.push_back({"lint", "skipped"});
  EXPECT_EQ(verdict(), Is::ready);
  for (const char* state : {"pending", "error", "failure", "warning", ""}) {
    facts_.checks[1].state = state;
    EXPECT_THAT(missing(), ElementsAre(HasSubstr("checks: `lint` is "))) << state;
    EXPECT_EQ(verdict(), Is::waiting) << state;
  }
  config_["ignored_checks"] = {"li*"};
  EXPECT_EQ(verdict(), Is::ready);
}

TEST_F(Judging, ARequiredCheckHasToBeThere) {
  config_["required_checks"] = {"ci/test"};
  EXPECT_THAT(missing(), ElementsAre("checks: `ci/test` has not reported"));
  facts_.checks.push_back({"ci/test", "failure"});
  config_["ignored_checks"] = {"ci/*"};
  EXPECT_THAT(missing(), ElementsAre("checks: `ci/test` is `failure`")) << "required wins";
}

// Whoever may set a status chooses its words.
TEST_F(Judging, TheStateOfACheckIsQuotedLikeItsName) {
  facts_.checks[0].state = "[x](http://x.test)\n# Ready";
  EXPECT_THAT(missing(), ElementsAre("checks: `ci/build` is `[x](http://x.test) # Ready`"));
}

TEST_F(Judging, NoCheckAtAllIsGreenOnlyWhereTheConfigSaysSo) {
  facts_.checks.clear();
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("none has reported")));
  config_["without_checks"] = true;
  EXPECT_EQ(verdict(), Is::ready);
}

TEST_F(Judging, AnApprovalCountsOnlyByOneWhoMay) {
  for (const char* may : {"none", "read", ""}) {
    facts_.permissions["bob"] = may;
    EXPECT_EQ(verdict(), Is::waiting) << may;
  }
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("can't be read")));
  for (const char* may : {"write", "admin", "owner"}) {
    facts_.permissions["bob"] = may;
    EXPECT_EQ(verdict(), Is::ready) << may;
  }
  config_["approver"] = "admin";
  facts_.permissions["bob"] = "write";
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("`bob` approved, but may not admin here")));
}

TEST_F(Judging, AProgramCanNotApproveButAsksForChangesLikeAnybody) {
  config_["not_people"] = {"Bo*", "renovate"};
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("the approval of `bob`, no person, counts for")));
  review("amanda", "APPROVED");
  EXPECT_EQ(verdict(), Is::ready);
  review("Renovate", "REQUEST_CHANGES");
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("`Renovate` asks for changes")));
}

TEST_F(Judging, NeitherItsAuthorNorWeOurselvesCanApprove) {
  facts_.reviews[0].user = "Amy";
  facts_.permissions["Amy"] = "owner";
  EXPECT_EQ(verdict(), Is::waiting);
  facts_.reviews[0].user = "timmy";
  facts_.permissions["timmy"] = "owner";
  EXPECT_EQ(verdict(), Is::waiting);
  EXPECT_THAT(reviewers_in(facts_), IsEmpty());
}

TEST_F(Judging, AnApprovalIsOfTheHeadOfficialAndStands) {
  auto& approval = facts_.reviews[0];
  approval.stale = true;
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("`bob` approved an earlier commit")));
  approval.stale = false, approval.commit_sha = kOld;
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("`bob` approved an earlier commit")));
  approval.commit_sha = kHead, approval.official = false;
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("does not count the approval of `bob`")));
  approval.official = true, approval.dismissed = true;
  EXPECT_EQ(verdict(), Is::waiting);
  approval.dismissed = false, approval.state = "COMMENT";
  EXPECT_EQ(verdict(), Is::waiting);
}

TEST_F(Judging, OfEachReviewerTheLastWordCounts) {
  review("bob", "REQUEST_CHANGES");
  EXPECT_THAT(missing(), ElementsAre("approval: `bob` asks for changes"));
  review("bob", "COMMENT");
  EXPECT_EQ(verdict(), Is::waiting) << "a remark takes nothing back";
  review("bob", "APPROVED");
  EXPECT_EQ(verdict(), Is::ready);
}

TEST_F(Judging, WhoAsksForChangesIsHeardUntilTheyAreContentOrDismissed) {
  review("carol", "REQUEST_CHANGES").commit_sha = kOld;
  facts_.reviews[1].stale = true;
  EXPECT_THAT(missing(), ElementsAre("approval: `carol` asks for changes"));
  facts_.reviews[1].dismissed = true;
  EXPECT_EQ(verdict(), Is::ready);
  review("eve", "REQUEST_CHANGES", "read").official = false;
  EXPECT_EQ(verdict(), Is::ready) << "whose word does not count";
}

TEST_F(Judging, AsManyApprovalsAsTheConfigSays) {
  config_["approvals"] = 2;
  EXPECT_THAT(missing(), ElementsAre(HasSubstr("1 more of somebody who may write")));
  review("carol", "APPROVED");
  EXPECT_EQ(verdict(), Is::ready);
  config_["approvals"] = 0;
  facts_.reviews.clear();
  EXPECT_EQ(verdict(), Is::ready);
}

TEST_F(Judging, ALabelMayHoldIt) {
  config_["hold_labels"] = {"do not *"};
  facts_.pull.labels = {"bug"};
  EXPECT_EQ(verdict(), Is::ready);
  facts_.pull.labels = {"bug", "do not merge"};
  EXPECT_THAT(missing(), ElementsAre("held by the label `do not merge`"));
}

TEST_F(Judging, WhatThePolicyBansIsRejectedWhateverElseItHas) {
  facts_.hits = {{"examplesoft", "the title", "ExampleSoft"}};
  facts_.settled = false;
  const auto verdict = judge(facts_, ReviewTerms(config_));
  EXPECT_EQ(verdict.is, Is::rejected);
  EXPECT_THAT(verdict.reason, HasSubstr("- `examplesoft`: the title has `ExampleSoft`"));
}

TEST_F(Judging, ARejectionOfOursIsNotMadeTwice) {
  facts_.hits = {{"examplesoft", "the title", "ExampleSoft"}};
  const auto reason = judge(facts_, ReviewTerms(config_)).reason;
  auto& ours = review("timmy", "REQUEST_CHANGES");
  ours.body = "The tests are missing.";
  EXPECT_FALSE(was_rejected(facts_)) << "what else our user asks for is no rejection";
  ours.body = reason + "\n\n<!-- timmy:x -->", ours.commit_sha = kOld;
  EXPECT_TRUE(was_rejected(facts_)) << "it stands, although the head moved";
  ours.dismissed = true;
  EXPECT_FALSE(was_rejected(facts_)) << "it was dismissed for an earlier head";
  ours.commit_sha = kHead;
  EXPECT_TRUE(was_rejected(facts_)) << "somebody wants this head without it";
  ours.user = "bob";
  EXPECT_FALSE(was_rejected(facts_));
}

TEST_F(Judging, TheReportTicksWhatIsThereAndAsksForTheRest) {
  facts_.reviews.clear();
  const auto text = report(judge(facts_, ReviewTerms(config_)), facts_.pull, {});
  EXPECT_THAT(text, HasSubstr("**Not ready yet.**\n\n- [x] can be merged into `main`\n"));
  EXPECT_THAT(text, HasSubstr("- [ ] approval: 1 more"));
  EXPECT_THAT(text, HasSubstr("This is said of `aaaaaaaaaa`"));
  EXPECT_THAT(text, Not(HasSubstr("@"))) << "nobody is called again and again";
}

}  // namespace
}  // namespace triage
