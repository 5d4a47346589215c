// SPDX-License-Identifier: Apache-2.0
#include "orphans.hpp"

#include "task_test.hpp"

namespace triage {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Mentions, AreOfTheIssueItselfAndNoOther) {
  for (const char* text : {"#12", "Fixes #12.", "see (#12)", "a\n#12\n", "#123 and #12"})
    EXPECT_TRUE(mentions(text, 12)) << text;
  for (const char* text : {"", "12", "#123", "#1", "other/app#12", "x#12", "#12a", "page.html#12"})
    EXPECT_FALSE(mentions(text, 12)) << text;
}

class Orphans : public TaskTest {
 protected:
  Orphans() : TaskTest("orphan_work_cleanup") {}

  std::int64_t assigned(const std::string& title = "Mend it", const std::string& to = "alice") {
    const auto number = world_.forge.add_issue("org/app", title);
    issue(number).assignees = {to};
    return number;
  }

  const Json config_{{"orphans", {{"remove_labels", {"in progress"}}}}};
};

TEST_F(Orphans, WithoutAConfigNothingIsReadAndTheResultSaysSo) {
  assigned();
  const auto result = run(Json::object()).result;
  EXPECT_EQ(result.at("configured"), false);
  EXPECT_THAT(result.at("why"), HasSubstr("\"orphans\""));
  EXPECT_THAT(world_.calls, IsEmpty());
}

TEST_F(Orphans, AreWarnedOnceAfterThreeDaysAndGivenBackTwoDaysLater) {
  assigned();
  issue().labels = {"in progress", "bug"};
  run_daily(config_, 2);
  EXPECT_THAT(comments(), IsEmpty()) << "72 hours are not over";
  const Json warned = run_daily(config_, 1);
  EXPECT_EQ(warned.at("warned"), 1);
  EXPECT_THAT(comments(),
              ElementsAre(AllOf(HasSubstr("@alice"), HasSubstr("since 2026-01-05 12:00 UTC"),
                                HasSubstr("at 2026-01-10 12:00 UTC"))));
  run_daily(config_, 1);
  EXPECT_THAT(comments(), SizeIs(1)) << "it was warned again of the same silence";
  EXPECT_THAT(issue().assignees, ElementsAre("alice"));
  const Json reset = run_daily(config_, 1);
  EXPECT_EQ(reset.at("reset"), 1);
  EXPECT_THAT(issue().assignees, IsEmpty());
  EXPECT_THAT(issue().labels, ElementsAre("bug"));
  ASSERT_THAT(comments(), SizeIs(2));
  EXPECT_THAT(comments()[1],
              HasSubstr("2026-01-08 12:00 UTC: its assignees and `in progress` are to come off"));
}

TEST_F(Orphans, ASecondPassWritesNothing) {
  assigned();
  for (int day = 0; day < 30; ++day) {
    run(config_);
    const int writes = world_.forge.writes;
    const auto state = world_.state;
    run(config_);
    EXPECT_EQ(world_.forge.writes, writes) << "on day " << day;
    EXPECT_EQ(world_.state, state) << "on day " << day;
    world_.advance(days(1));
  }
  EXPECT_THAT(comments(), SizeIs(2));
}

TEST_F(Orphans, AnAnswerStartsTheClockAnew) {
  assigned();
  run_daily(config_, 3);
  world_.advance(hours(1));
  world_.forge.add_comment("org/app", 1, "I am on it");
  run_daily(config_, 2);
  EXPECT_THAT(issue().assignees, ElementsAre("alice"));
  EXPECT_THAT(comments(), SizeIs(2));
  run_daily(config_, 1);
  EXPECT_THAT(comments(), SizeIs(3)) << "another silence is warned of, too";
  run_daily(config_, 2);
  EXPECT_THAT(issue().assignees, IsEmpty());
}

TEST_F(Orphans, AChangeWithoutAWordIsActivity) {
  assigned();
  run_daily(config_, 3);
  world_.advance(hours(1));
  touched().labels = {"bug"};
  run_daily(config_, 2);
  EXPECT_THAT(issue().assignees, ElementsAre("alice"));
}

// It comes between our warning and the moment in which we look at what it did to the issue.
TEST_F(Orphans, AnAnswerInTheSameMomentIsNotTakenForOurs) {
  assigned();
  run_daily(config_, 2);
  world_.advance(days(1));
  world_.on("gitea/1.keep_comment", [&](const Json& params) {
    auto answer = world_.forge.answer("keep_comment", params);
    world_.advance(seconds(1));
    world_.forge.add_comment("org/app", 1, "wait");
    return answer;
  });
  run(config_);
  world_.succeed("gitea/1.keep_comment");
  run_daily(config_, 2);
  EXPECT_THAT(issue().assignees, ElementsAre("alice"));
}

TEST_F(Orphans, WhoAssignsAgainAfterAResetGetsTheWholeTime) {
  assigned();
  run_daily(config_, 5);
  ASSERT_THAT(issue().assignees, IsEmpty());
  world_.advance(hours(1));
  touched().assignees = {"bob"};
  run_daily(config_, 2);
  EXPECT_THAT(comments(), SizeIs(2));
  EXPECT_THAT(issue().assignees, ElementsAre("bob"));
  run_daily(config_, 1);
  EXPECT_THAT(comments(), SizeIs(3));
  EXPECT_THAT(comments().back(), HasSubstr("@bob"));
}

TEST_F(Orphans, AResetDoesNoMoreThanTheConfigSaysAndOnce) {
  assigned();
  issue().labels = {"in progress"};
  run_daily({{"orphans", {{"unassign", false}}}}, 20);
  EXPECT_THAT(issue().assignees, ElementsAre("alice"));
  EXPECT_THAT(issue().labels, ElementsAre("in progress"));
  EXPECT_THAT(comments(), SizeIs(2));
  EXPECT_EQ(world_.forge.writes, 2);
}

TEST_F(Orphans, ThresholdsAreTheConfigs) {
  assigned();
  const Json quick{{"orphans", {{"warn_after", "1d12h"}, {"reset_after", "12h"}}}};
  world_.advance(hours(36) - seconds(1));
  run(quick);
  EXPECT_THAT(comments(), IsEmpty());
  world_.advance(seconds(1));
  run(quick);
  EXPECT_THAT(comments(), SizeIs(1));
  world_.advance(hours(12));
  run(quick);
  EXPECT_THAT(issue().assignees, IsEmpty());
}

TEST_F(Orphans, WhatIsExemptIsLeftAlone) {
  for (int i = 0; i < 6; ++i) assigned();
  issue(1).labels = {"pinned"};
  issue(2).assignees = {"bob", "Carol"};
  issue(3).milestone = "2.0";
  issue(4).user = "dave";
  issue(5).assignees.clear();
  run_daily({{"orphans",
              {{"exempt",
                {{"labels", {"pin*"}},
                 {"assignees", {"carol"}},
                 {"milestones", {"*"}},
                 {"authors", {"dave"}}}}}}},
            6);
  for (int number = 1; number <= 5; ++number) EXPECT_THAT(comments(number), IsEmpty()) << number;
  EXPECT_THAT(comments(6), SizeIs(2));
  run_daily({{"orphans", {{"exempt", {{"repos", {"org/a*"}}}}}}}, 9);
  EXPECT_THAT(comments(1), IsEmpty());
}

TEST_F(Orphans, APullRequestThatSpeaksOfItIsActivity) {
  assigned();
  assigned();
  world_.forge.add_pull("org/app", "Mend it, fixes #1", "mend");
  for (int day = 0; day < 10; ++day) {
    touched(3);
    run_daily(config_, 1);
  }
  EXPECT_THAT(comments(1), IsEmpty());
  EXPECT_THAT(issue(2).assignees, IsEmpty());
  run_daily(config_, 3);
  EXPECT_THAT(comments(1), SizeIs(1)) << "nobody pushes any more";
}

// What close_stale only rehearsed stays noted as on its way, so that it isn't known whose the pull
// request's later updates are.
TEST_F(Orphans, APullRequestIsActiveAlsoAfterADryRunThatFoundItStale) {
  assigned();
  world_.forge.add_pull("org/app", "Mend it, fixes #1", "mend");
  Json config = config_;
  config["stale"] = {{"pulls", true}};
  world_.advance(days(61));
  touched(1);
  rehearse();
  EXPECT_EQ(run_task("close_stale", config).result.at("rehearsed"), 1);
  lift_cap();
  for (int day = 0; day < 10; ++day) {
    touched(2);
    run_daily(config, 1);
  }
  EXPECT_THAT(comments(1), IsEmpty());
}

TEST_F(Orphans, AClosedIssueAndAPullRequestAreNone) {
  assigned();
  issue().state = "closed";
  world_.forge.add_pull("org/app", "Mend", "mend");
  issue(2).assignees = {"alice"};
  run_daily(config_, 6);
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Orphans, ARunThatDiesAfterItsCommentSaysItNoSecondTime) {
  assigned();
  run_daily(config_, 2);
  world_.advance(days(1));
  int reads = 0;
  world_.on("gitea/1.get_issue", [&](const Json& params) {
    if (++reads == 2) throw timmy::Retryable("unavailable", "reset");
    return world_.forge.answer("get_issue", params);
  });
  EXPECT_EQ(run(config_).status, TIMMY_RETRYABLE);
  world_.succeed("gitea/1.get_issue");
  ASSERT_THAT(comments(), SizeIs(1));
  world_.advance(minutes(5));
  EXPECT_TRUE(run(config_).ok());
  EXPECT_THAT(comments(), SizeIs(1)) << "the same silence";
  run_daily(config_, 3);
  EXPECT_THAT(issue().assignees, IsEmpty()) << "the lost note made our comment activity";
}

TEST_F(Orphans, AtTheCapTheLongestSilentComeFirstAndTheRestNextTime) {
  for (int i = 0; i < 4; ++i) {
    assigned();
    world_.advance(hours(1));
  }
  world_.advance(days(3));
  cap_writes(3);
  const auto first = run(config_);
  EXPECT_TRUE(first.ok()) << first.message;
  EXPECT_EQ(first.result.at("warned"), 3);
  EXPECT_EQ(first.result.at("left"), 1);
  EXPECT_THAT(comments(1), SizeIs(1));
  EXPECT_THAT(comments(4), IsEmpty());
  lift_cap();
  EXPECT_EQ(run(config_).result.at("left"), 0);
  EXPECT_THAT(comments(4), SizeIs(1));
}

TEST_F(Orphans, ACapInTheMiddleOfAResetIsGoneOnFromThere) {
  assigned();
  issue().labels = {"in progress"};
  run_daily(config_, 4);
  world_.advance(days(1));
  for (int most = 1; most <= 2; ++most) {
    cap_writes(most);
    EXPECT_EQ(run(config_).result.at("left"), 1);
    EXPECT_THAT(issue().assignees, ElementsAre("alice"));
    world_.advance(days(1));
  }
  lift_cap();
  EXPECT_EQ(run(config_).result.at("reset"), 1);
  EXPECT_THAT(issue().assignees, IsEmpty());
  EXPECT_THAT(issue().labels, IsEmpty());
  EXPECT_THAT(comments(), SizeIs(2));
}

TEST_F(Orphans, WhatFailsKeepsNoOtherFromItsTurn) {
  assigned();
  assigned();
  world_.advance(days(4));
  world_.on("gitea/1.keep_comment", [&](const Json& params) {
    if (params.at("number") == 1) throw timmy::Permanent("denied", "it is locked");
    return world_.forge.answer("keep_comment", params);
  });
  Json config = config_;
  config["repos"] = {"org/absent", "org/app"};
  const auto outcome = run(config);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, AllOf(HasSubstr("2 failed, 1 warned"), HasSubstr("org/absent: "),
                                     HasSubstr("org/app#1: "), HasSubstr("locked")));
  EXPECT_THAT(comments(2), SizeIs(1));
}

// What was only rehearsed was not said: nobody may be unassigned without a warning.
TEST_F(Orphans, AfterADryRunTheWarningStillComesFirst) {
  assigned();
  rehearse();
  const auto result = run_daily(config_, 10);
  EXPECT_EQ(result.at("rehearsed"), 1);
  EXPECT_GT(rehearsed_, 0);
  EXPECT_EQ(world_.forge.writes, 0);
  lift_cap();
  run(config_);
  EXPECT_THAT(comments(), SizeIs(1));
  EXPECT_THAT(issue().assignees, ElementsAre("alice"));
}

TEST_F(Orphans, ADryRunOfAResetLeavesItToBeDoneInEarnest) {
  assigned();
  run_daily(config_, 3);
  rehearse();
  world_.advance(days(1));
  run_daily(config_, 3);
  EXPECT_THAT(issue().assignees, ElementsAre("alice"));
  lift_cap();
  EXPECT_EQ(run(config_).result.at("reset"), 1);
  EXPECT_THAT(issue().assignees, IsEmpty());
}

TEST_F(Orphans, WhatChangedSinceTheListWasReadIsJudgedAsItIsNow) {
  for (int i = 0; i < 3; ++i) assigned();
  world_.advance(days(4));
  // Asked for once the list and the first of them were read.
  world_.on("gitea/1.whoami", [&](const Json&) {
    issue(2).state = "closed";
    issue(3).assignees.clear();
    return Json{{"login", "timmy"}, {"id", 1}};
  });
  EXPECT_EQ(run(config_).result.at("warned"), 1);
  EXPECT_THAT(comments(1), SizeIs(1));
  EXPECT_THAT(comments(2), IsEmpty());
  EXPECT_THAT(comments(3), IsEmpty());
}

TEST_F(Orphans, AListThatIsTooLongForTheHostIsNoCap) {
  assigned();
  assigned();
  world_.advance(days(4));
  world_.on("gitea/1.list_comments", [&](const Json& params) {
    if (params.at("number") == 1) throw timmy::Permanent("too_large", "more than 1000 pages");
    return world_.forge.answer("list_comments", params);
  });
  EXPECT_THAT(run(config_).message, HasSubstr("1 failed, 1 warned; org/app#1: "));
}

TEST_F(Orphans, WhatSomebodyDoesBetweenOurLastCommentAndTheResetKeepsItTheirs) {
  assigned();
  run_daily(config_, 3);
  world_.on("gitea/1.get_issue", [&, reads = 0](const Json& params) mutable {
    if (++reads == 3) {
      world_.advance(std::chrono::seconds(30));
      touched().title = "It crashes on Mondays";
    }
    return world_.forge.answer("get_issue", params);
  });
  Json last;
  for (int day = 0; day < 4 && !last.contains("spared"); ++day) {
    world_.advance(days(1));
    last = run(config_).result;
  }
  EXPECT_EQ(last.value("spared", 0), 1) << last.dump();
  EXPECT_THAT(issue().assignees, Not(IsEmpty()));
  EXPECT_THAT(comments(), ElementsAre(HasSubstr("@alice"), HasSubstr("Not reset: somebody")));
}

TEST_F(Orphans, NoCommentClaimsAResetThatTheForgeRefuses) {
  assigned();
  run_daily(config_, 4);
  world_.advance(days(1));
  world_.fail("gitea/1.remove_assignees", timmy::Permanent("conflict", "412"));
  EXPECT_EQ(run(config_).code, "incomplete");
  ASSERT_THAT(comments(), SizeIs(2));
  EXPECT_THAT(comments()[1], HasSubstr("are to come off"));
  world_.succeed("gitea/1.remove_assignees");
  EXPECT_EQ(run(config_).result.at("reset"), 1);
  EXPECT_THAT(comments(), SizeIs(2));
}

TEST_F(Orphans, WhatIsClosedIsForgotten) {
  assigned();
  run_daily(config_, 3);
  EXPECT_THAT(kept(), SizeIs(1));
  issue().state = "closed";
  run(config_);
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(Orphans, RefusesADurationThatIsTooLong) {
  EXPECT_THAT(
      [&] {
        run({{"orphans", {{"warn_after", "999999999d"}}}});
      },
      ::testing::ThrowsMessage<std::runtime_error>(
          AllOf(HasSubstr("bad_duration"), HasSubstr("orphans.warn_after"))));
}

}  // namespace
}  // namespace triage
