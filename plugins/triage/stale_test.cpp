// SPDX-License-Identifier: Apache-2.0
#include "stale.hpp"

#include "task_test.hpp"

namespace triage {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Stale : public TaskTest {
 protected:
  Stale() : TaskTest("close_stale") { world_.forge.add_issue("org/app", "It crashes"); }

  // So many days pass without a run, then there is one.
  Json after(int count) {
    world_.advance(days(count));
    const auto outcome = run(config_);
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    return outcome.result;
  }

  Json config_{{"stale", Json::object()}};
};

TEST_F(Stale, WithoutAConfigNothingIsReadAndTheResultSaysSo) {
  EXPECT_THAT(run(Json::object()).result.at("why"), HasSubstr("\"stale\""));
  EXPECT_THAT(world_.calls, IsEmpty());
}

TEST_F(Stale, WhatIsSilentForSixtyDaysIsMarkedAndTwoWeeksLaterClosed) {
  run_daily(config_, 59);
  EXPECT_EQ(world_.forge.writes, 0);
  EXPECT_EQ(after(1).at("marked"), 1);
  EXPECT_THAT(issue().labels, ElementsAre("stale"));
  EXPECT_THAT(world_.forge.repo("org/app").labels, Contains("stale")) << "made where it is missing";
  EXPECT_THAT(comments(), ElementsAre(AllOf(HasSubstr("since 2026-01-05 12:00 UTC"),
                                            HasSubstr("until 2026-03-20 12:00 UTC"))));
  world_.advance(days(1));
  run_daily(config_, 12);
  EXPECT_EQ(issue().state, "open");
  EXPECT_THAT(comments(), SizeIs(1));
  EXPECT_EQ(after(1).at("closed"), 1);
  EXPECT_EQ(issue().state, "closed");
  EXPECT_THAT(comments().at(1), HasSubstr("open it again"));
}

TEST_F(Stale, ASecondPassWritesNothing) {
  world_.forge.add_issue("org/app", "Another");
  for (int day = 0; day < 90; ++day) {
    run(config_);
    const int writes = world_.forge.writes;
    const auto state = world_.state;
    run(config_);
    ASSERT_EQ(world_.forge.writes, writes) << "on day " << day;
    ASSERT_EQ(world_.state, state) << "on day " << day;
    world_.advance(days(1));
  }
  EXPECT_EQ(issue(1).state, "closed");
  EXPECT_EQ(issue(2).state, "closed");
}

TEST_F(Stale, AnAnswerTakesTheMarkOffAndAWholePeriodBegins) {
  after(60);
  world_.advance(days(13));
  world_.forge.add_comment("org/app", 1, "still there");
  EXPECT_EQ(after(1).at("unmarked"), 1);
  EXPECT_THAT(issue().labels, IsEmpty());
  run_daily(config_, 58);
  EXPECT_THAT(comments(), SizeIs(2)) << "taking the label off was taken for silence or activity";
  run_daily(config_, 2);
  EXPECT_THAT(comments(), SizeIs(3));
  EXPECT_THAT(issue().labels, ElementsAre("stale"));
}

TEST_F(Stale, ALabelThatSomebodyTookOffStaysOff) {
  after(60);
  world_.advance(days(2));
  touched().labels.clear();
  run_daily(config_, 59);
  EXPECT_THAT(issue().labels, IsEmpty());
  EXPECT_EQ(issue().state, "open");
}

TEST_F(Stale, WhatSomebodyOpensAgainIsUnmarkedAndGetsAWholePeriod) {
  after(60);
  after(14);
  ASSERT_EQ(issue().state, "closed");
  after(100);
  touched().state = "open";
  after(1);
  EXPECT_THAT(issue().labels, IsEmpty());
  run_daily(config_, 58);
  EXPECT_THAT(comments(), SizeIs(2));
  EXPECT_EQ(issue().state, "open");
  run_daily(config_, 1);
  EXPECT_THAT(comments(), SizeIs(3)) << "then it is marked again";
  EXPECT_EQ(issue().state, "open");
}

TEST_F(Stale, ALabelThatSomebodyElseAddedIsNoMark) {
  world_.forge.repo("org/app").labels.insert("stale");
  after(30);
  touched().labels = {"stale"};
  run_daily(config_, 59);
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Stale, WhatIsExemptIsLeftAlone) {
  for (int i = 0; i < 4; ++i) world_.forge.add_issue("org/app", "more");
  issue(1).labels = {"pinned"};
  issue(2).assignees = {"bob"};
  issue(3).milestone = "2.0";
  issue(4).user = "Dave";
  config_["stale"]["exempt"] = {
      {"labels", {"pinned"}}, {"assignees", {"*"}}, {"milestones", {"*"}}, {"authors", {"dave"}}};
  after(60);
  for (int number = 1; number <= 4; ++number) EXPECT_THAT(comments(number), IsEmpty()) << number;
  EXPECT_THAT(comments(5), SizeIs(1));
}

TEST_F(Stale, WhatBecomesExemptLosesTheMark) {
  after(60);
  config_["stale"]["exempt"] = {{"authors", {"alice"}}};
  EXPECT_EQ(after(20).at("unmarked"), 1);
  EXPECT_THAT(issue().labels, IsEmpty());
  EXPECT_EQ(issue().state, "open");
}

// --- marks of ours where the rule no longer holds

TEST_F(Stale, WhereARepositoryBecomesExemptTheMarkComesOff) {
  after(60);
  config_["stale"]["exempt"] = {{"repos", {"org/*"}}};
  EXPECT_EQ(after(1).at("unmarked"), 1);
  EXPECT_THAT(issue().labels, IsEmpty());
  after(1);
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.list_issues"))) << "nothing is left to be done";
}

TEST_F(Stale, SoItDoesWhenWhatWasClosedIsOpenedAgainThere) {
  after(60);
  after(14);
  config_["stale"]["exempt"] = {{"repos", {"org/*"}}};
  after(1);
  touched().state = "open";
  after(1);
  EXPECT_THAT(issue().labels, IsEmpty());
}

TEST_F(Stale, WhatAPersonClosedAndOpenedAgainIsUnmarked) {
  after(60);
  touched().state = "closed";
  after(30);
  touched().state = "open";
  EXPECT_EQ(after(1).at("unmarked"), 1);
  EXPECT_THAT(issue().labels, IsEmpty());
}

TEST_F(Stale, WherePullRequestsAreSwitchedOffTheirMarksComeOff) {
  world_.forge.add_pull("org/app", "Mend it", "mend");
  config_["stale"]["pulls"] = true;
  after(60);
  ASSERT_THAT(issue(2).labels, ElementsAre("stale"));
  config_["stale"]["pulls"] = false;
  after(20);
  EXPECT_THAT(issue(2).labels, IsEmpty());
  EXPECT_EQ(issue(2).state, "open");
  after(1);
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.list_prs")));
}

TEST_F(Stale, AMarkOfAnotherNameComesOffByThatName) {
  after(60);
  world_.advance(days(1));
  world_.forge.add_comment("org/app", 1, "still there");
  config_["stale"]["label"] = "inactive";
  after(1);
  EXPECT_THAT(issue().labels, IsEmpty());
}

TEST_F(Stale, PullRequestsOnlyWhereTheConfigSaysSo) {
  world_.forge.add_pull("org/app", "Mend it", "mend");
  after(60);
  EXPECT_THAT(comments(2), IsEmpty());
  config_["stale"]["pulls"] = true;
  after(0);
  EXPECT_THAT(issue(2).labels, ElementsAre("stale"));
  after(14);
  EXPECT_EQ(issue(2).state, "closed");
}

TEST_F(Stale, ARepositoryWithPullRequestsAloneIsLookedAtForThem) {
  world_.forge.repo("org/app").has_issues = false;
  world_.forge.add_pull("org/app", "Mend it", "mend");
  config_["stale"]["pulls"] = true;
  config_["repos"] = {"org/*"};
  world_.fail("gitea/1.list_issues", timmy::Permanent("not_found", "it has none"));
  after(60);
  EXPECT_THAT(issue(2).labels, ElementsAre("stale"));
}

TEST_F(Stale, AtTheCapTheLongestSilentComeFirstAndTheRestNextTime) {
  for (int i = 0; i < 3; ++i) {
    world_.advance(hours(1));
    world_.forge.add_issue("org/app", "more");
  }
  world_.forge.repo("org/app").labels.insert("stale");
  world_.advance(days(60));
  cap_writes(3);  // one and a half
  const auto first = run(config_);
  EXPECT_EQ(first.result.at("marked"), 1);
  EXPECT_EQ(first.result.at("left"), 3);
  EXPECT_THAT(comments(2), SizeIs(1));
  EXPECT_THAT(issue(2).labels, IsEmpty()) << "here it was stopped";
  lift_cap();
  const Json second = after(1);
  EXPECT_EQ(second.at("marked"), 3);
  EXPECT_EQ(second.at("left"), 0);
  EXPECT_THAT(comments(2), SizeIs(1)) << "and goes on without saying it again";
  EXPECT_THAT(issue(2).labels, ElementsAre("stale"));
}

TEST_F(Stale, AChangeRightAfterAMarkThatWasCutShortIsStillSomebodys) {
  world_.forge.repo("org/app").labels.insert("stale");
  world_.advance(days(60));
  cap_writes(1);
  run(config_);
  ASSERT_THAT(comments(), SizeIs(1));
  world_.advance(seconds(1));
  touched().labels = {"pinned"};
  lift_cap();
  after(1);
  EXPECT_THAT(issue().labels, ElementsAre("pinned"));
}

TEST_F(Stale, WhoAnsweredIsNotKeptWaitingByThoseWhoAreSilent) {
  after(60);
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "more");
  world_.advance(days(60));
  world_.forge.add_comment("org/app", 1, "still there");
  cap_writes(1);
  run(config_);
  EXPECT_THAT(issue(1).labels, IsEmpty());
}

TEST_F(Stale, AfterADryRunTheMarkStillComesFirst) {
  rehearse();
  world_.advance(days(60));
  run_daily(config_, 30);
  EXPECT_EQ(world_.forge.writes, 0);
  lift_cap();
  run(config_);
  EXPECT_EQ(issue().state, "open");
  EXPECT_THAT(issue().labels, ElementsAre("stale"));
}

TEST_F(Stale, ADryRunKeepsTheMarkThatItWouldTakeOff) {
  after(60);
  world_.advance(days(1));
  world_.forge.add_comment("org/app", 1, "still there");
  rehearse();
  run(config_);
  EXPECT_THAT(issue().labels, ElementsAre("stale"));
  lift_cap();
  run(config_);
  EXPECT_THAT(issue().labels, IsEmpty());
}

TEST_F(Stale, WhatFailsKeepsNoOtherFromItsTurn) {
  world_.forge.add_issue("org/app", "more");
  world_.on("gitea/1.add_labels", [&](const Json& params) {
    if (params.at("number") == 1) throw timmy::Permanent("denied", "it is locked");
    return world_.forge.answer("add_labels", params);
  });
  world_.advance(days(60));
  const auto outcome = run(config_);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("1 failed, 1 marked; org/app#1: "));
}

// Each writes on what the other looks at: neither takes that for somebody's activity.
TEST_F(Stale, AndOrphansDoNotWakeOneAnother) {
  issue().assignees = {"alice"};
  config_["orphans"] = Json::object();
  config_["stale"]["after"] = "4d";
  for (int day = 0; day < 30; ++day) {
    EXPECT_TRUE(run_task("orphan_work_cleanup", config_).ok());
    EXPECT_TRUE(run_task("close_stale", config_).ok());
    world_.advance(days(1));
  }
  EXPECT_EQ(issue().state, "closed");
  EXPECT_THAT(comments(),
              ElementsAre(HasSubstr("this is assigned"), HasSubstr("marked as"),
                          HasSubstr("its assignees are to come off"), HasSubstr("To be closed")));
}

// More than one answer of state().list() holds.
TEST_F(Stale, OfThousandsThatAreClosedNoneIsRemembered) {
  for (int number = 1; number <= 2500; ++number)
    world_.state["stale/1#" + std::to_string(number)] = Json{{"ours", "2026-01-05T12:00:00Z"}};
  after(1);
  EXPECT_THAT(kept(), ElementsAre(::testing::Key("stale/1#1"))) << "which is open";
}

TEST_F(Stale, WhatIsDoneBetweenOurCommentAndTheLabelIsSomebodyElses) {
  world_.on("gitea/1.get_issue", [&, reads = 0](const Json& params) mutable {
    // The look again, what the comment came to, and what is there before the label.
    if (++reads == 3) {
      world_.advance(std::chrono::seconds(30));
      touched().title = "It crashes on Mondays";
    }
    return world_.forge.answer("get_issue", params);
  });
  EXPECT_EQ(after(60).at("marked"), 1);
  world_.succeed("gitea/1.get_issue");
  EXPECT_EQ(after(14).at("unmarked"), 1);
  EXPECT_EQ(issue().state, "open");
}

TEST_F(Stale, WhatSomebodyDoesBetweenOurLastCommentAndTheClosingKeepsItOpen) {
  after(60);
  world_.on("gitea/1.get_issue", [&, reads = 0](const Json& params) mutable {
    if (++reads == 3) {
      world_.advance(std::chrono::seconds(30));
      touched().title = "It crashes on Mondays";
    }
    return world_.forge.answer("get_issue", params);
  });
  EXPECT_EQ(after(14).at("spared"), 1);
  EXPECT_EQ(issue().state, "open");
  EXPECT_THAT(comments(), ElementsAre(HasSubstr("marked as"), HasSubstr("Not closed: somebody")));
  world_.succeed("gitea/1.get_issue");
  EXPECT_EQ(after(1).at("unmarked"), 1);
}

// What it says holds whatever becomes of it, and is said once.
TEST_F(Stale, NoCommentClaimsAClosingThatTheForgeRefuses) {
  after(60);
  world_.advance(days(14));
  world_.fail("gitea/1.set_issue_state", timmy::Permanent("conflict", "open dependencies"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(run(config_).code, "incomplete");
    ASSERT_THAT(comments(), SizeIs(2));
    EXPECT_THAT(comments()[1], testing::StartsWith("To be closed now: nothing has happened"));
    world_.advance(days(1));
  }
  world_.succeed("gitea/1.set_issue_state");
  EXPECT_EQ(after(0).at("closed"), 1);
  EXPECT_THAT(comments(), SizeIs(2));
}

TEST_F(Stale, ARunThatDiesBeforeTheClosingIsGoneOnWith) {
  after(60);
  world_.advance(days(14));
  world_.fail("gitea/1.set_issue_state", timmy::Retryable("unavailable", "reset"));
  EXPECT_EQ(run(config_).status, TIMMY_RETRYABLE);
  world_.succeed("gitea/1.set_issue_state");
  EXPECT_EQ(after(0).at("closed"), 1);
  EXPECT_EQ(issue().state, "closed");
  EXPECT_THAT(comments(), SizeIs(2));
}

TEST_F(Stale, AMarkIsKnownUnderTheRepositorysNewNameAndNotUnderItsOldOne) {
  config_["repos"] = {"org/*"};
  after(60);
  world_.forge.rename_repo("org/app", "org/renamed");
  world_.forge.add_repo("org/app", {"stale"});
  world_.forge.add_issue("org/app", "Another");
  world_.forge.issue("org/app", 1).labels = {"stale"};
  EXPECT_EQ(after(14).at("closed"), 1);
  EXPECT_EQ(issue(1, "org/renamed").state, "closed");
  EXPECT_EQ(issue(1, "org/app").state, "open") << "it was never warned";
}

TEST_F(Stale, RemembersWhatItClosedForAYear) {
  after(60);
  after(14);
  after(364);
  EXPECT_THAT(kept(), Not(IsEmpty()));
  after(3);
  EXPECT_THAT(kept(), IsEmpty());
}

}  // namespace
}  // namespace triage
