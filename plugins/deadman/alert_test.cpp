// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

namespace deadman {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using timmy::Json;

class Alert : public DeadmanTest {
 protected:
  Alert() { deadman_.add("hermes"); }
  Json& hermes() { return deadman_.watches["hermes"]; }
  void dies() {
    hermes()["deadman_active"] = true;
    hermes()["state"] = "silent";
    deadman_.happens("hermes", "died", "has given no sign of life for 10m");
  }
  void hands_off() {
    hermes()["handed_off"] = true;
    hermes()["tries"] = 3;
    deadman_.happens("hermes", "handed_off", "hands off until it is cleared");
  }
  void gets_well() {
    hermes()["deadman_active"] = hermes()["handed_off"] = false;
    hermes()["state"] = "alive";
    deadman_.happens("hermes", "healthy", "has given signs of life for 30m");
  }
};

TEST_F(Alert, AWatchThatNobodyLooksAtAnyMoreIsTold) {
  hermes()["state"] = "unlooked";
  hermes()["text"] = "nobody has looked for 9m: see after timmy-host deadman --once";
  for (int minute = 0; minute < 3; ++minute) pass();
  ASSERT_THAT(issues(), SizeIs(1)) << "who should do it can't tell itself";
  EXPECT_EQ(issues()[0].title, "Deadman: nobody looks at hermes on allegro any more");
  EXPECT_THAT(issues()[0].body, HasSubstr("nobody has looked for 9m"));
  hermes()["state"] = "alive";
  pass();
  EXPECT_EQ(issues()[0].state, "closed");
}

TEST_F(Alert, ADeathOpensAnIssueAndHealthClosesIt) {
  pass();
  EXPECT_THAT(issues(), IsEmpty());
  dies();
  pass();
  ASSERT_THAT(issues(), SizeIs(1));
  EXPECT_EQ(issues()[0].title, "Deadman: hermes on allegro gives no sign of life");
  EXPECT_THAT(issues()[0].body, AllOf(HasSubstr("has given no sign of life for 10m"),
                                      HasSubstr("at most 3 times"), HasSubstr("deadman_active")));
  gets_well();
  pass();
  EXPECT_EQ(issues()[0].state, "closed");
  EXPECT_THAT(issues()[0].comments.at(0).body, HasSubstr("hermes is well again"));
  EXPECT_THAT(world_.state, IsEmpty()) << "nothing is left of it";
}

TEST_F(Alert, TheSameCauseIsOneIssueThatIsKeptUpToDate) {
  dies();
  pass();
  hands_off();
  pass();
  ASSERT_THAT(issues(), SizeIs(1));
  EXPECT_EQ(issues()[0].title, "Deadman: hands off hermes on allegro, a person is needed");
  EXPECT_THAT(issues()[0].body, AllOf(HasSubstr("timmy-host deadman clear hermes"),
                                      HasSubstr("3 of 3 restarts"), HasSubstr("hands off")));
}

TEST_F(Alert, OfADryRunItSaysHowThatIsCleared) {
  deadman_.dry_run = true;
  dies();
  hands_off();
  pass();
  ASSERT_THAT(issues(), SizeIs(1));
  EXPECT_THAT(issues()[0].body, HasSubstr("`timmy-host deadman clear hermes --dry-run`"))
      << "else what is no dry run would be cleared";
}

TEST_F(Alert, WhileNothingChangesTheForgeIsNotAsked) {
  dies();
  pass();
  world_.calls.clear();
  pass();
  EXPECT_THAT(world_.calls, Each(Not(HasSubstr("gitea/1"))));
}

TEST_F(Alert, WhatTheForgeDidNotTakeIsToldWhenItIsBack) {
  dies();
  world_.fail("gitea/1.keep_issue", timmy::Retryable("unavailable", "away"));
  const auto outcome = run("deadman_forge");
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_THAT(outcome.message, HasSubstr("the issue about hermes"));
  world_.succeed("gitea/1.keep_issue");
  pass();
  ASSERT_THAT(issues(), SizeIs(1));
  EXPECT_THAT(issues()[0].body, HasSubstr("has given no sign of life for 10m"));
  gets_well();
  world_.fail("gitea/1.set_issue_state", timmy::Retryable("unavailable", "away"));
  EXPECT_FALSE(run("deadman_forge").ok());
  world_.succeed("gitea/1.set_issue_state");
  pass();
  EXPECT_EQ(issues()[0].state, "closed");
  EXPECT_THAT(issues()[0].comments, SizeIs(1)) << "said once";
}

TEST_F(Alert, OneThatAPersonClosedStaysClosedUntilSomethingNewHappens) {
  dies();
  pass();
  issues()[0].state = "closed";
  pass();
  EXPECT_THAT(issues(), SizeIs(1));
  hands_off();
  pass();
  ASSERT_THAT(issues(), SizeIs(2));
  EXPECT_EQ(issues()[1].state, "open");
}

TEST_F(Alert, WhatCantBeWatchedIsACauseOfItsOwn) {
  hermes()["state"] = "unwatchable";
  hermes()["text"] = "/s/hermes is a symbolic link";
  deadman_.happens("hermes", "unwatchable", "can't be watched");
  pass();
  ASSERT_THAT(issues(), SizeIs(1));
  EXPECT_EQ(issues()[0].title, "Deadman: hermes on allegro can't be watched");
  EXPECT_THAT(issues()[0].body, HasSubstr("/s/hermes is a symbolic link"));
}

TEST_F(Alert, ThatNobodyCouldBeToldNeedsAPerson) {
  hermes()["untold_since"] = "2026-11-29T02:10:00Z";
  hermes()["text"] = "nobody could be told since 2026-11-29T02:10:00Z";
  deadman_.happens("hermes", "alert_failed", "the alert failed: status 1");
  pass();
  ASSERT_EQ(issues().size(), 1u);
  EXPECT_EQ(issues()[0].title, "Deadman: nobody could be told about hermes on allegro");
  hermes()["untold_since"] = nullptr;
  deadman_.happens("hermes", "healthy", "is well");
  pass();
  EXPECT_EQ(issues()[0].state, "closed");
}

TEST_F(Alert, ALineThatWouldGrantARestartIsInTheIssue) {
  hermes()["withheld"] = "add under plugins.deadman.grants: process.restart: [\"hermes\"]";
  dies();
  pass();
  EXPECT_THAT(issues().at(0).body,
              AllOf(HasSubstr("process.restart: [\"hermes\"]"), HasSubstr("Nobody restarts it")));
}

TEST_F(Alert, WhatSomebodyElseWroteCallsNobody) {
  hermes()["text"] = "@everyone see org/app#1 `x` | y";
  dies();
  pass();
  EXPECT_THAT(issues().at(0).body, HasSubstr("`@everyone see org/app#1 'x' / y`"));
}

TEST_F(Alert, OneWhoseWatchIsNoMoreIsClosed) {
  dies();
  pass();
  deadman_.watches.erase("hermes");
  pass();
  EXPECT_EQ(issues().at(0).state, "closed");
  EXPECT_THAT(issues().at(0).comments.at(0).body, HasSubstr("not watched any more"));
}

TEST_F(Alert, AnIssueThatIsGoneIsForgotten) {
  dies();
  pass();
  gets_well();
  world_.fail("gitea/1.keep_comment", timmy::Permanent("not_found", "no issue 1"));
  pass();
  EXPECT_THAT(world_.state, IsEmpty());
}

TEST_F(Alert, WithoutARepositoryThereIsNone) {
  repo_ = "";
  dies();
  pass();
  EXPECT_THAT(issues(), IsEmpty());
}

}  // namespace
}  // namespace deadman
