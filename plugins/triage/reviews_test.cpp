// SPDX-License-Identifier: Apache-2.0
#include "reviews.hpp"

#include <timmy/plugin.hpp>

#include "reviews_fixture.hpp"

namespace triage {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(Reviews, WithoutAConfigNothingIsReadAndTheResultSaysSo) {
  EXPECT_THAT(run(Json::object()).result.at("why"), HasSubstr("\"reviews\""));
  EXPECT_THAT(world_.calls, IsEmpty());
}

TEST_F(Reviews, AskForWhatIsMissingInOneCommentThatIsKeptUpToDate) {
  check("pending");
  EXPECT_EQ(round().at("waiting"), 1);
  EXPECT_THAT(said(), AllOf(HasSubstr("Not ready yet"), HasSubstr("`ci/build` is `pending`"),
                            HasSubstr("1 more of somebody who may write here")));
  check("success");
  round();
  EXPECT_THAT(said(), AllOf(HasSubstr("[x] checks have passed"), HasSubstr("1 more of")));
  review("bob", "APPROVED");
  EXPECT_EQ(round().at("ready"), 1);
  EXPECT_THAT(said(), AllOf(HasSubstr("Ready to be merged"), HasSubstr("approved by `bob`")));
  EXPECT_THAT(comments(), SizeIs(1));
}

TEST_F(Reviews, WriteNothingWhereNothingChanges) {
  round();
  const int writes = world_.forge.writes;
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(world_.forge.writes, writes);
}

TEST_F(Reviews, SayNothingAgainThatSomebodyDeletedUntilTheVerdictChanges) {
  round();
  issue().comments.clear();
  round();
  EXPECT_THAT(comments(), IsEmpty());
  review("bob", "APPROVED");
  round();
  EXPECT_THAT(comments(), SizeIs(1));
}

TEST_F(Reviews, AskFilesAndCommitsOnceForAHead) {
  bans();
  round();
  EXPECT_THAT(world_.calls,
              AllOf(Contains("gitea/1.list_pr_files"), Contains("gitea/1.list_pr_commits")));
  round();
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.list_pr_commits")));
  push(std::string(40, 'c'));
  pull().commits[0].message = "By ExampleSoft";
  round();
  EXPECT_THAT(rejections(), ElementsAre("REQUEST_CHANGES ccc"));
}

TEST_F(Reviews, OfANewHeadWaitForTheForgeToHaveLookedForConflicts) {
  pull().mergeable = false;
  EXPECT_EQ(run(config_).result.at("unsettled"), 1);
  world_.advance(minutes(1));
  EXPECT_EQ(run(config_).result.at("unsettled"), 1);
  EXPECT_EQ(world_.forge.writes, 0);
  world_.advance(minutes(1));
  EXPECT_EQ(run(config_).result.at("waiting"), 1);
  EXPECT_THAT(said(), HasSubstr("conflicts with `main`"));
  push(std::string(40, 'c'));
  EXPECT_EQ(run(config_).result.at("unsettled"), 1) << "another head";
}

TEST_F(Reviews, DraftsClosedAndExemptOnesAreLeftAlone) {
  pull().draft = true;
  world_.forge.add_pull("org/app", "Closed", "b");
  issue(2).state = "closed";
  world_.forge.add_pull("org/app", "Bot's", "c");
  issue(3).user = "renovate";
  config_["reviews"]["exempt"] = {{"authors", {"renovate"}}};
  const Json result = round();
  EXPECT_EQ(result.at("drafts"), 1);
  EXPECT_EQ(result.at("exempt"), 1);
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Reviews, AnApprovalOfOneWhoMayNotIsNone) {
  review("eve", "APPROVED");
  merges();
  round();
  EXPECT_THAT(said(), HasSubstr("`eve` approved, but may not write here"));
  EXPECT_FALSE(pull().merged);
}

TEST_F(Reviews, APermissionThatCanNotBeReadIsSaidAndKeepsNoOtherFromItsReview) {
  review("bob", "APPROVED");
  world_.fail("gitea/1.user_permission", timmy::Permanent("denied", "administer it"));
  round();
  EXPECT_THAT(said(), HasSubstr("can't be read"));
}

// --- merging

TEST_F(Reviews, NothingIsMergedUnlessTheConfigSaysSo) {
  review("bob", "APPROVED");
  round();
  EXPECT_FALSE(pull().merged);
  merges({{"when", "never"}});
  round();
  EXPECT_FALSE(pull().merged);
  merges({{"repos", {"org/other"}}});
  round();
  EXPECT_FALSE(pull().merged);
  merges({{"bases", {"release/*"}}});
  round();
  EXPECT_FALSE(pull().merged);
}

TEST_F(Reviews, WhatIsReadyIsMergedWithTheHeadThatWasJudged) {
  merges({{"style", "squash"}, {"delete_branch", true}, {"bases", {"ma*"}}});
  round();
  EXPECT_FALSE(pull().merged);
  review("bob", "APPROVED");
  EXPECT_EQ(round().at("merged"), 1);
  EXPECT_TRUE(pull().merged);
  EXPECT_THAT(said(), HasSubstr("**Merged**, as the config"));
  for (const auto& call : world_.asked)
    if (call.method == "gitea/1.merge_pr") {
      EXPECT_EQ(call.params.at("head_sha"), pull().sha);
      EXPECT_EQ(call.params.at("base"), "main");
      EXPECT_EQ(call.params.at("style"), "squash");
      EXPECT_EQ(call.params.at("delete_branch"), true);
    }
}

TEST_F(Reviews, TheFirstEntryThatNamesARepositoryCounts) {
  review("bob", "APPROVED");
  config_["reviews"]["merge"] = Json::array({{{"repos", {"org/app"}}, {"when", "never"}},
                                             {{"repos", {"org/*"}}, {"when", "when_ready"}}});
  round();
  EXPECT_FALSE(pull().merged);
}

TEST_F(Reviews, WhatTheForgeRefusesToMergeIsSaidOnceAndTriedAgainInAnHour) {
  review("bob", "APPROVED");
  merges();
  world_.fail("gitea/1.merge_pr", timmy::Permanent("conflict", "Does not have enough approvals"));
  EXPECT_EQ(round().at("refused"), 1);
  EXPECT_THAT(said(), HasSubstr("Does not have enough approvals"));
  const int writes = world_.forge.writes;
  for (int i = 0; i < 5; ++i) round();
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.merge_pr")));
  EXPECT_EQ(world_.forge.writes, writes);
  EXPECT_EQ(round().at("refused"), 1) << "an hour is over";
  EXPECT_EQ(world_.forge.writes, writes) << "the same is not said again";
  world_.succeed("gitea/1.merge_pr");
  world_.advance(hours(1));
  round();
  EXPECT_TRUE(pull().merged);
}

TEST_F(Reviews, AMissingGrantToMergeIsAFailureOfTheJob) {
  review("bob", "APPROVED");
  merges();
  world_.fail("gitea/1.merge_pr", timmy::Permanent("not_granted", "add gitea.merge"));
  const auto outcome = run(config_);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("add gitea.merge"));
}

// --- policy

TEST_F(Reviews, WhatThePolicyBansIsRejectedOnceWithTheReason) {
  bans();
  merges();
  review("bob", "APPROVED");
  pull().commits[0].message = "Mend it\n\nCo-authored-by: ExampleSoft <bot@x.test>";
  EXPECT_EQ(round().at("rejected"), 1);
  EXPECT_THAT(rejections(), SizeIs(1));
  EXPECT_THAT(pull().reviews.back().body,
              HasSubstr("`examplesoft`: the message of commit aaaaaaa"));
  EXPECT_THAT(said(), HasSubstr("Rejected by policy"));
  EXPECT_FALSE(pull().merged) << "whoever approved it";
  const int writes = world_.forge.writes;
  for (int i = 0; i < 5; ++i) round();
  EXPECT_EQ(world_.forge.writes, writes);
}

TEST_F(Reviews, ARejectionThatStandsIsNotMadeAgainForEachPush) {
  bans({"commits"});
  for (const char head : {'c', 'd'}) {
    push(std::string(40, head));
    pull().commits = {{pull().sha, "By ExampleSoft"}};
    round();
    EXPECT_THAT(said(), HasSubstr("the message of commit " + std::string(10, head)));
  }
  EXPECT_THAT(rejections(), ElementsAre("REQUEST_CHANGES ccc"));
}

TEST_F(Reviews, ARejectionThatSomebodyDismissedIsNotRepeatedNorIsTheThingMerged) {
  bans();
  merges();
  issue().title = "By ExampleSoft";
  review("bob", "APPROVED");
  round();
  pull().reviews.back().dismissed = true;
  round();
  EXPECT_THAT(rejections(), SizeIs(1));
  EXPECT_FALSE(pull().merged);
}

TEST_F(Reviews, WhatIsCleanAgainIsNoLongerRejected) {
  bans({"title"});
  issue().title = "By ExampleSoft";
  round();
  touched().title = "Mend it";
  review("bob", "APPROVED");
  EXPECT_EQ(round().at("ready"), 1);
  EXPECT_THAT(said(), HasSubstr("Ready to be merged"));
}

TEST_F(Reviews, OnesOwnCanNotBeRejectedSoTheCommentSaysIt) {
  bans();
  issue().user = "timmy";
  issue().title = "By ExampleSoft";
  round();
  EXPECT_THAT(rejections(), IsEmpty());
  EXPECT_THAT(said(), HasSubstr("Rejected by policy"));
}

// --- status

TEST_F(Reviews, AStatusOfOurOwnFollowsTheVerdictAndIsNoCheckOfItself) {
  config_["reviews"]["status"] = "timmy/review";
  auto& statuses = world_.forge.repo("org/app").statuses[pull().sha];
  round();
  EXPECT_EQ(statuses["timmy/review"].state, "pending");
  EXPECT_THAT(statuses["timmy/review"].description, HasSubstr("approval: 1 more"));
  const int writes = world_.forge.writes;
  round();
  EXPECT_EQ(world_.forge.writes, writes);
  review("bob", "APPROVED");
  EXPECT_EQ(round().at("ready"), 1);
  EXPECT_EQ(statuses["timmy/review"].state, "success");
  bans();
  touched().title = "By ExampleSoft";
  round();
  EXPECT_EQ(statuses["timmy/review"].state, "failure");
}

// A branch's protection may ask for it.
TEST_F(Reviews, TheStatusIsThereBeforeTheMerge) {
  config_["reviews"]["status"] = "timmy/review";
  merges();
  review("bob", "APPROVED");
  std::string at_the_merge;
  world_.on("gitea/1.merge_pr", [&](const Json& params) {
    at_the_merge = world_.forge.repo("org/app").statuses[pull().sha]["timmy/review"].state;
    return world_.forge.answer("merge_pr", params);
  });
  round();
  EXPECT_EQ(at_the_merge, "success");
}

// --- events and runs

TEST_F(Reviews, AnEventHasItsPullRequestLookedAtOrItsRepositoryAndNoOther) {
  world_.forge.add_pull("org/app", "Other", "other");
  round({{"event", "pull_request"}, {"repo", "org/app"}, {"number", 2}});
  EXPECT_THAT(comments(1), IsEmpty());
  EXPECT_THAT(comments(2), SizeIs(1));
  EXPECT_EQ(round({{"event", "status"}, {"repo", "org/app"}, {"number", 0}}).at("read"), 2);
  EXPECT_THAT(comments(1), SizeIs(1));
  round({{"event", "pull_request"}, {"repo", "other/app"}, {"number", 2}});
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.get_pr")));
}

TEST_F(Reviews, AStatusHasThosePullRequestsLookedAtWhoseHeadItIsOf) {
  world_.forge.add_pull("org/app", "Other", "other");
  const Json status{{"event", "status"}, {"repo", "org/app"}, {"number", 0}};
  auto of = [&](const std::string& sha) {
    Json payload = status;
    payload["ref"] = sha;
    return payload;
  };
  EXPECT_EQ(round(of(pull(2).sha)).at("read"), 1);
  EXPECT_THAT(comments(1), IsEmpty());
  EXPECT_THAT(comments(2), SizeIs(1));
  EXPECT_EQ(round(of(std::string(40, 'f'))).at("read"), 0);
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.list_reviews")));
}

TEST_F(Reviews, WhatFailsForAnEventIsNamedAsInAnyRun) {
  for (const bool passing : {false, true}) {
    world_.on("gitea/1.get_pr", [=](const Json&) -> Json {
      if (passing) throw timmy::Retryable("unavailable", "500");
      throw timmy::Permanent("invalid", "odd reply");
    });
    const auto outcome = run(config_, {{"repo", "org/app"}, {"number", 1}});
    EXPECT_EQ(outcome.code, "incomplete");
    EXPECT_EQ(outcome.status, passing ? TIMMY_RETRYABLE : TIMMY_PERMANENT);
    EXPECT_THAT(outcome.message, HasSubstr("1 failed; org/app#1: gitea/1.get_pr: "));
  }
}

TEST_F(Reviews, ARunOfAnEventDoesNotMoveWhereTheNextRoundBegins) {
  world_.remaining = seconds(10);
  round({{"event", "pull_request"}, {"repo", "org/app"}, {"number", 1}});
  EXPECT_THAT(world_.state, IsEmpty());
  round();
  EXPECT_THAT(world_.state, SizeIs(1));
}

TEST_F(Reviews, AnEventOfWhatIsClosedByNowChangesNothing) {
  issue().state = "closed";
  EXPECT_EQ(round({{"event", "pull_request"}, {"repo", "org/app"}, {"number", 1}}).at("read"), 0);
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Reviews, AnEventOfWhatIsGoneByNowSaysSoAndIsNoFailure) {
  for (const auto& payload :
       {Json{{"repo", "org/app"}, {"number", 9}}, Json{{"repo", "org/gone"}, {"number", 1}}}) {
    config_["repos"] = {"org/*"};
    const Json result = round(payload);
    EXPECT_EQ(result.value("gone", 0), 1) << payload;
    EXPECT_EQ(result.at("read"), 0);
  }
  EXPECT_THAT(world_.log_text(), HasSubstr("info org/app#9: it is gone"));
}

TEST_F(Reviews, AtTheCapTheRestIsLeftForTheNextRun) {
  world_.forge.add_pull("org/app", "Other", "other");
  cap_writes(1);
  const Json result = round();
  EXPECT_EQ(result.at("left"), 1);
  EXPECT_THAT(comments(1), SizeIs(1));
  lift_cap();
  EXPECT_EQ(round().at("left"), 0);
  EXPECT_THAT(comments(2), SizeIs(1));
}

TEST_F(Reviews, WhatFailsKeepsNoOtherFromItsReview) {
  world_.forge.add_pull("org/app", "Other", "other");
  world_.on("gitea/1.list_reviews", [&](const Json& params) {
    if (params.at("number") == 1) throw timmy::Permanent("invalid", "odd reply");
    return world_.forge.answer("list_reviews", params);
  });
  config_["repos"] = {"org/absent", "org/app"};
  const auto outcome = run(config_);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, AllOf(HasSubstr("org/absent: "), HasSubstr("org/app#1: ")));
  EXPECT_THAT(comments(2), SizeIs(1));
}

TEST_F(Reviews, ADryRunRemembersNothingOfWhatItDidNotSay) {
  bans({"body"});
  merges();
  review("bob", "APPROVED");
  world_.forge.add_pull("org/app", "Other", "other");
  issue(2).body = "ExampleSoft";
  rehearse();
  for (int i = 0; i < 3; ++i) round();
  EXPECT_EQ(world_.forge.writes, 0);
  EXPECT_FALSE(pull().merged);
  lift_cap();
  EXPECT_EQ(round().at("merged"), 1);
  EXPECT_THAT(comments(1), SizeIs(1));
  EXPECT_THAT(comments(2), SizeIs(1));
}

TEST_F(Reviews, OurCommentIsNoActivityOfAPullRequest) {
  config_["stale"] = {{"after", "10d"}, {"pulls", true}};
  world_.advance(days(9));
  round();
  EXPECT_THAT(comments(), SizeIs(1));
  world_.advance(days(1));
  EXPECT_EQ(run_task("close_stale", config_).result.at("marked"), 1);
}

TEST_F(Reviews, WhatIsClosedIsForgotten) {
  round();
  EXPECT_THAT(world_.state, SizeIs(1));
  issue().state = "closed";
  round();
  EXPECT_THAT(world_.state, IsEmpty());
}

}  // namespace
}  // namespace triage
