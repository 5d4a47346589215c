// SPDX-License-Identifier: Apache-2.0
//
// That a rule which is wrong is stopped by the cap of writes for good, not until the next run.
#include "cap_watch.hpp"

#include "task_test.hpp"

namespace triage {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

class Capped : public TaskTest {
 protected:
  Capped() : TaskTest("gitea_issue_triage") {
    world_.forge.add_repo("org/app", {"bug"});
    for (int i = 0; i < 40; ++i) world_.forge.add_issue("org/app", "one");
  }
  static Json rules(const std::string& title = ".") {
    return {
        {"rules",
         Json::array({{{"name", "all"}, {"when", {{"title", title}}}, {"add_labels", {"bug"}}}})}};
  }
  // A run, five minutes after the last, that may make so many writes.
  Outcome capped(int most, const Json& with = rules(), const Json& payload = Json::object()) {
    world_.advance(minutes(5));
    cap_writes(most);
    return run(with, payload);
  }
  // Lets a run make so many writes that label, and then has this happen at each.
  void after(int most, const std::function<void()>& happens) {
    world_.on("gitea/1.add_labels", [this, most, happens, made = 0](const Json& params) mutable {
      if (made++ >= most) happens();
      return world_.forge.answer("add_labels", params);
    });
  }
  [[nodiscard]] int labelled() {
    int count = 0;
    for (const auto& each : world_.forge.repo("org/app").issues) count += !each.labels.empty();
    return count;
  }
};

TEST_F(Capped, AfterThreeRunsInARowNothingIsWrittenUntilSomebodyLooks) {
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(capped(5).ok());
    EXPECT_EQ(labelled(), 5 * i);
  }
  for (int i = 0; i < 3; ++i) {
    const auto outcome = capped(5);
    EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
    EXPECT_EQ(outcome.code, "held");
    EXPECT_THAT(outcome.message,
                AllOf(HasSubstr("gitea_issue_triage writes nothing: each of its last 3 runs"),
                      HasSubstr("timmy-host audit --who triage"), HasSubstr("go_on"),
                      HasSubstr("25 left for the next round")));
  }
  EXPECT_EQ(labelled(), 15);
  EXPECT_THAT(world_.log_text(), HasSubstr("error gitea_issue_triage writes nothing"));
}

TEST_F(Capped, WhoSaysThatItIsRightHasItGoOnToTheEnd) {
  for (int i = 0; i < 4; ++i) (void)capped(5);
  EXPECT_TRUE(capped(5, rules(), {{"go_on", true}}).ok());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(capped(5).ok()) << i;
  EXPECT_EQ(labelled(), 40);
}

TEST_F(Capped, WhoMendsTheRuleNeedsToSayNothing) {
  for (int i = 0; i < 4; ++i) (void)capped(5);
  issue(20).title = "crash";
  EXPECT_TRUE(capped(5, rules("crash")).ok());
  EXPECT_EQ(labelled(), 16);
}

TEST_F(Capped, WhatWasSaidOfOneConfigIsNotSaidOfAnother) {
  (void)capped(5, rules(), {{"go_on", true}});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(capped(5, rules("o")).ok());
  EXPECT_EQ(capped(5, rules("o")).code, "held");
}

TEST_F(Capped, RunsThatAreNotInARowHoldNothing) {
  for (int i = 0; i < 2; ++i) (void)capped(5);
  EXPECT_EQ(capped(50).result.at("changed"), 30);
  for (int i = 0; i < 20; ++i) world_.forge.add_issue("org/app", "another");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(capped(5).ok());
  world_.advance(days(3));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(capped(3).ok()) << "days later";
  EXPECT_EQ(labelled(), 56);
}

TEST_F(Capped, ADryRunHoldsNothing) {
  int written = 0;
  for (int i = 0; i < 5; ++i) {
    world_.advance(minutes(5));
    written = 0;
    world_.on("gitea/1.add_labels", [&](const Json& params) {
      if (++written > 5) throw timmy::Permanent("too_large", "its cap (limits.mutations)");
      return Json{{"dry_run", true}, {"labels", params.at("labels")}};
    });
    EXPECT_TRUE(run(rules()).ok());
  }
  EXPECT_TRUE(capped(5).ok());
  EXPECT_EQ(labelled(), 5);
}

// A slow forge, or one that is away at times, is none that a rule is right by.
TEST_F(Capped, ARunThatItsTimeCutsShortEndsNoRow) {
  for (int i = 0; i < 2; ++i) (void)capped(5);
  after(2, [this] { world_.remaining = seconds(5); });
  EXPECT_GT(run(rules()).result.at("left"), 0);
  world_.remaining = minutes(3);
  EXPECT_EQ(labelled(), 13);
  EXPECT_TRUE(capped(5).ok());
  EXPECT_EQ(capped(5).code, "held");
}

TEST_F(Capped, NorDoesOneThatFindsTheForgeAway) {
  for (int i = 0; i < 2; ++i) (void)capped(5);
  after(2, [] { throw timmy::Retryable("unavailable", "500"); });
  EXPECT_EQ(run(rules()).code, "incomplete");
  EXPECT_EQ(labelled(), 12);
  EXPECT_TRUE(capped(5).ok());
  EXPECT_EQ(capped(5).code, "held");
}

TEST_F(Capped, NorDoesADryRun) {
  for (int i = 0; i < 2; ++i) (void)capped(5);
  rehearse();
  EXPECT_EQ(run(rules()).result.at("left"), 0);
  EXPECT_TRUE(capped(5).ok());
  EXPECT_EQ(capped(5).code, "held");
}

TEST_F(Capped, NorOneOfADailyTaskThatIsCutShortOrFindsNothingDue) {
  world_.advance(days(61));
  world_.forge.add_repo("org/app", {"stale"});
  const Json stale{{"stale", Json::object()}};
  const auto capped_daily = [&] {
    world_.advance(hours(1));
    cap_writes(5);
    return run_task("close_stale", stale);
  };
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(capped_daily().ok());
  lift_cap();
  after(1, [this] { world_.remaining = seconds(5); });
  EXPECT_GT(run_task("close_stale", stale).result.at("left"), 0);
  world_.remaining = minutes(3);
  world_.on("gitea/1.list_issues", [](const Json&) -> Json { return {{"issues", Json::array()}}; });
  EXPECT_EQ(run_task("close_stale", stale).result.at("read"), 0);
  world_.succeed("gitea/1.list_issues");
  EXPECT_TRUE(capped_daily().ok());
  EXPECT_EQ(capped_daily().code, "held");
}

TEST_F(Capped, APauseThatTheForgeAsksForAfterwardsDoesNotUndoTheCount) {
  world_.forge.add_repo("org/lib", {"bug"});
  Json with = rules();
  with["repos"] = {"org/app", "org/lib"};
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(capped(5, with).ok());
  world_.on("gitea/1.list_issues", [this](const Json& params) {
    if (params.at("repo") == "org/lib") throw timmy::Retryable("rate_limited", "wait", minutes(1));
    return world_.forge.answer("list_issues", params);
  });
  EXPECT_EQ(capped(5, with).code, "rate_limited");
  EXPECT_EQ(labelled(), 15);
  world_.succeed("gitea/1.list_issues");
  EXPECT_EQ(capped(5, with).code, "held");
  EXPECT_EQ(labelled(), 15);
}

// As soon as the cap's answer is noted, of whichever task.
TEST_F(Capped, NorDoesACancel) {
  world_.advance(days(61));
  Json with = rules();
  with["stale"] = Json::object();
  const auto run_both = [&] {
    std::vector<std::string> codes;
    for (const char* task : {"gitea_issue_triage", "close_stale"}) {
      after(2, [this] {
        world_.cancel_at_call(2);
        throw timmy::Permanent("too_large", "its cap (limits.mutations)");
      });
      codes.push_back(run_task(task, with).code);
    }
    world_.advance(hours(1));
    return codes;
  };
  world_.forge.add_repo("org/app", {"bug", "stale"});
  for (int i = 0; i < 3; ++i) EXPECT_THAT(run_both(), Each("cancelled")) << i;
  EXPECT_THAT(run_both(), Each("held"));
}

TEST_F(Capped, AGoOnOfADryRunShowsWhatItWouldWriteAndLetsNothingBeWritten) {
  world_.advance(days(61));
  world_.forge.add_repo("org/app", {"bug", "stale"});
  Json with = rules();
  with["stale"] = Json::object();
  const Json go_on{{"go_on", true}};
  for (const char* task : {"gitea_issue_triage", "close_stale"}) {
    const auto next = [&](const Json& payload = Json::object()) {
      world_.advance(hours(1));
      return run_task(task, with, payload);
    };
    for (int i = 0; i < 3; ++i) {
      cap_writes(4);
      EXPECT_TRUE(next().ok()) << task;
    }
    rehearse();
    EXPECT_THAT(next().message, HasSubstr("A dry run is held, too: with go_on"));
    const auto shown = next(go_on);
    EXPECT_TRUE(shown.ok()) << shown.message;
    EXPECT_GT(shown.result.at("changes").size(), 10u) << task;
    lift_cap();
    EXPECT_EQ(next().code, "held") << task;
    cap_writes(4);
    EXPECT_TRUE(next(go_on).ok()) << task;
    EXPECT_TRUE(next().ok()) << task << ": it was allowed in earnest";
  }
}

TEST_F(Capped, AnEventIsHeldTooWhereItWouldWrite) {
  for (int i = 0; i < 3; ++i) (void)capped(5);
  EXPECT_EQ(capped(5, rules(), {{"repo", "org/app"}, {"number", 20}}).code, "held");
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.add_labels")));
  EXPECT_TRUE(capped(5, rules(), {{"repo", "org/app"}, {"number", 40}}).ok()) << "it has its label";
}

TEST_F(Capped, EventsThatTheCapEndedHoldNothing) {
  Json with = rules();
  with["rules"][0]["comment"] = "hello";
  for (int number = 1; number <= 3; ++number)
    EXPECT_TRUE(capped(1, with, {{"repo", "org/app"}, {"number", number}}).ok());
  EXPECT_EQ(labelled(), 3);
  EXPECT_TRUE(capped(5, with).ok());
}

TEST_F(Capped, ADailyTaskIsHeldLikewise) {
  world_.advance(days(61));
  const Json stale{{"stale", Json::object()}};
  for (int i = 0; i < 3; ++i) {
    cap_writes(5);
    const auto outcome = run_task("close_stale", stale);
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    world_.advance(days(1));
  }
  const int writes = world_.forge.writes;
  const auto outcome = run_task("close_stale", stale);
  EXPECT_EQ(outcome.code, "held");
  EXPECT_THAT(outcome.message, HasSubstr("enqueue close_stale --payload"));
  EXPECT_EQ(world_.forge.writes, writes);
  cap_writes(5);
  EXPECT_TRUE(run_task("close_stale", stale, {{"go_on", true}}).ok());
  EXPECT_GT(world_.forge.writes, writes);
}

}  // namespace
}  // namespace triage
