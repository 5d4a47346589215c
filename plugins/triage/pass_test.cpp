// SPDX-License-Identifier: Apache-2.0
//
// What holds for each run over repositories, with close_stale for all of them.
#include "pass.hpp"

#include "task_test.hpp"

namespace triage {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Passes : public TaskTest {
 protected:
  Passes() : TaskTest("close_stale") {
    for (const char* repo : {"org/app", "org/web"}) world_.forge.add_repo(repo, {"stale"});
  }
  // So many issues, each an hour younger than the last, and silent for long.
  void silent(int count, const std::string& repo = "org/app") {
    for (int i = 0; i < count; ++i) {
      world_.forge.add_issue(repo, "It crashes");
      world_.advance(hours(1));
    }
  }
  // A month after the last.
  Outcome later() {
    world_.advance(days(61));
    return run(config_);
  }
  // What a method answers, or throws, where it is asked of this.
  void where(const std::string& method, const std::function<bool(const Json&)>& is_of,
             const std::function<void()>& happens) {
    world_.on("gitea/1." + method, [=, this](const Json& params) {
      if (is_of(params)) happens();
      return world_.forge.answer(method, params);
    });
  }
  static std::function<bool(const Json&)> of(const std::string& repo, std::int64_t number) {
    return [=](const Json& params) {
      return params.at("repo") == repo && params.at("number") == number;
    };
  }
  static std::function<bool(const Json&)> of(const std::string& repo) {
    return [=](const Json& params) { return params.at("repo") == repo; };
  }
  static bool any(const Json&) { return true; }
  static bool is_even(const Json& params) { return params.at("number").get<int>() % 2 == 0; }
  static void breaks() { throw timmy::Retryable("unavailable", "500"); }
  static void refuses() { throw timmy::Permanent("denied", "may not write"); }

  // The calls of a method, as "org/app#1".
  [[nodiscard]] std::vector<std::string> asked(const std::string& method) const {
    std::vector<std::string> all;
    for (const auto& call : world_.asked)
      if (call.method == "gitea/1." + method)
        all.push_back(call.params.at("repo").get<std::string>() +
                      (call.params.contains("number") ? "#" + call.params["number"].dump() : ""));
    return all;
  }
  [[nodiscard]] bool is_marked(const std::string& repo, std::int64_t number) {
    return contains(issue(number, repo).labels, "stale");
  }

  Json config_{{"repos", {"org/app", "org/web"}}, {"stale", Json::object()}};
};

// --- what fails and may pass

TEST_F(Passes, AnIssueThatAlwaysBreaksKeepsNoOtherFromItsTurn) {
  silent(2);
  silent(1, "org/web");
  where("keep_comment", of("org/app", 1), breaks);
  const auto outcome = later();
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message,
              HasSubstr("1 failed, 2 marked; org/app#1: gitea/1.keep_comment: 500"));
  EXPECT_TRUE(is_marked("org/app", 2));
  EXPECT_TRUE(is_marked("org/web", 1));
}

TEST_F(Passes, ARepositoryThatAlwaysBreaksKeepsNoOtherFromItsTurn) {
  silent(1);
  silent(1, "org/web");
  where("list_issues", of("org/app"), breaks);
  const auto outcome = later();
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_THAT(outcome.message, HasSubstr("org/app: gitea/1.list_issues: 500"));
  EXPECT_TRUE(is_marked("org/web", 1));
}

TEST_F(Passes, AfterThreeThatBreakInARowTheForgeIsAwayAndTheRunEnds) {
  silent(6);
  where("keep_comment", any, breaks);
  const auto outcome = later();
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_THAT(outcome.message, HasSubstr("3 failed, 3 left for the next run"));
  EXPECT_THAT(asked("keep_comment"), SizeIs(3));
  run(config_);
  EXPECT_THAT(asked("keep_comment"), ElementsAre("org/app#4", "org/app#5", "org/app#6"))
      << "the next begins behind them";
}

TEST_F(Passes, SoItIsWhereThreeRepositoriesInARowBreak) {
  for (const char* repo : {"org/one", "org/two", "org/xyz"}) world_.forge.add_repo(repo, {});
  config_["repos"] = {"org/app", "org/one", "org/two", "org/web", "org/xyz"};
  where("list_issues", any, breaks);
  EXPECT_THAT(later().message, HasSubstr("3 failed, 2 repositories unread"));
  EXPECT_THAT(asked("list_issues"), ElementsAre("org/app", "org/one", "org/two"));
  run(config_);
  EXPECT_THAT(asked("list_issues"), ElementsAre("org/web", "org/xyz", "org/app"));
}

// Else every run would read up to the same three, and do nothing.
TEST_F(Passes, WhatWasReadIsDoneThoughTheLastThreeRepositoriesBroke) {
  for (const char* repo : {"org/xx", "org/yy", "org/zz"}) world_.forge.add_repo(repo, {});
  config_["repos"] = {"org/app", "org/web", "org/xx", "org/yy", "org/zz"};
  silent(1);
  silent(1, "org/web");
  where(
      "list_issues", [](const Json& params) { return params.at("repo") > Json("org/x"); }, breaks);
  EXPECT_THAT(later().message, HasSubstr("3 failed, 2 marked"));
  EXPECT_TRUE(is_marked("org/app", 1));
  EXPECT_TRUE(is_marked("org/web", 1));
}

TEST_F(Passes, OnesThatBreakBetweenOthersDoNotEndTheRun) {
  silent(8);
  where("keep_comment", is_even, breaks);
  EXPECT_THAT(later().message, HasSubstr("4 failed, 4 marked;"));
}

TEST_F(Passes, APauseThatTheForgeAsksForEndsTheRunAtOnceAndIsKept) {
  silent(3);
  where("keep_comment", any, [] { throw timmy::Retryable("rate_limited", "wait", minutes(7)); });
  const auto outcome = later();
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_EQ(outcome.delay, minutes(7));
  EXPECT_THAT(asked("keep_comment"), SizeIs(1));
}

// --- what refuses

TEST_F(Passes, ARepositoryThatRefusesThreeTimesIsLeftAloneUntilTheNextRun) {
  silent(9);
  silent(1, "org/web");
  where("keep_comment", of("org/app"), refuses);
  for (int i = 0; i < 2; ++i) {
    const auto outcome = later();
    EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
    EXPECT_THAT(outcome.message,
                AllOf(HasSubstr("6 left for the next run"),
                      HasSubstr("org/app: left alone until the next run, it refused 3 times")));
    EXPECT_EQ(std::count_if(world_.asked.begin(), world_.asked.end(),
                            [](const auto& call) {
                              return call.method == "gitea/1.keep_comment" &&
                                     call.params.at("repo") == "org/app";
                            }),
              3);
  }
  EXPECT_EQ(issue(1, "org/web").state, "closed");
}

TEST_F(Passes, RefusalsThatAreNotInARowLeaveNoneAlone) {
  silent(8);
  where("keep_comment", is_even, refuses);
  EXPECT_THAT(later().message, AllOf(HasSubstr("4 failed, 4 marked;"), Not(HasSubstr("left"))));
}

TEST_F(Passes, AnArchivedRepositoryIsLeftAloneAtOnceAndIsNoFailure) {
  silent(5);
  silent(1, "org/web");
  world_.forge.repo("org/app").archived = true;
  const auto outcome = later();
  EXPECT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("archived"), 1);
  EXPECT_EQ(outcome.result.at("left"), 0);
  EXPECT_THAT(asked("keep_comment"), ElementsAre("org/app#1", "org/web#1"));
}

TEST_F(Passes, RefusalsThatUseUpTheCapDoNotDoSoForEver) {
  silent(3);
  silent(2, "org/web");
  int writes = 0;
  world_.on("gitea/1.keep_comment", [&](const Json& params) {
    if (++writes > 3) throw timmy::Permanent("too_large", "its cap (limits.mutations)");
    if (params.at("repo") == "org/app") refuses();
    return world_.forge.answer("keep_comment", params);
  });
  (void)later();
  EXPECT_FALSE(is_marked("org/web", 1));
  writes = 0;
  run(config_);
  EXPECT_TRUE(is_marked("org/web", 1));
  EXPECT_TRUE(is_marked("org/web", 2));
}

// Who answered comes first; that goes on where it ended, too.
TEST_F(Passes, WhatIsUrgentComesFirstAlsoWhereARunGoesOn) {
  silent(5);
  (void)later();
  for (int number = 1; number <= 5; ++number) {
    world_.advance(hours(1));
    world_.forge.add_comment("org/app", number, "still there");
  }
  silent(1);
  world_.advance(days(60));
  where("remove_label", any, breaks);
  run(config_);
  EXPECT_THAT(asked("remove_label"), ElementsAre("org/app#1", "org/app#2", "org/app#3"));
  world_.succeed("gitea/1.remove_label");
  cap_writes(5);
  run(config_);
  EXPECT_THAT(asked("remove_label"),
              ElementsAre("org/app#4", "org/app#5", "org/app#1", "org/app#2", "org/app#3"));
}

// --- time

TEST_F(Passes, NothingIsBegunThatTheTimeMayNotBeEnoughFor) {
  silent(3);
  where("keep_comment", of("org/app", 2), [this] { world_.remaining = seconds(44); });
  const auto first = later();
  EXPECT_TRUE(first.ok()) << first.message;
  EXPECT_EQ(first.result.at("marked"), 2);
  EXPECT_EQ(first.result.at("left"), 1);
  world_.remaining = minutes(3);
  EXPECT_EQ(run(config_).result.at("marked"), 1);
}

TEST_F(Passes, ReadingTakesHalfOfTheTimeAndTheRestIsReadNextTime) {
  silent(1);
  silent(1, "org/web");
  world_.remaining = minutes(10);
  where("list_issues", of("org/app"), [this] { world_.remaining = minutes(4); });
  const auto first = later();
  EXPECT_EQ(first.result.at("repos_left"), 1);
  EXPECT_TRUE(is_marked("org/app", 1));
  world_.remaining = minutes(10);
  EXPECT_EQ(run(config_).result.at("repos_left"), 0);
  EXPECT_THAT(asked("list_issues"), ElementsAre("org/web", "org/app")) << "the unread first";
  EXPECT_TRUE(is_marked("org/web", 1));
}

TEST_F(Passes, ForAHostThatDoesNotSayHowLongTheRunMayTakeAllIsDone) {
  silent(3);
  world_.remaining = std::nullopt;
  EXPECT_EQ(later().result.at("marked"), 3);
}

TEST_F(Passes, WhereNothingIsLeftNoPlaceIsKept) {
  silent(2);
  cap_writes(0);
  (void)later();
  EXPECT_THAT(kept(), Not(IsEmpty()));
  lift_cap();
  for (int number : {1, 2}) issue(number).state = "closed";
  run(config_);
  EXPECT_THAT(kept(), IsEmpty());
}

}  // namespace
}  // namespace triage
