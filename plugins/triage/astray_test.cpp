// SPDX-License-Identifier: Apache-2.0
//
// What fails in a way that may pass: one object that always does keeps no other from its turn, and
// a forge that is away is left in peace.
#include "triage_fixture.hpp"

namespace triage {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;
using timmy::Retryable;

class Astray : public TriageTest {
 protected:
  static Json label_all(const std::vector<std::string>& repos = {"org/app"}) {
    return config({rule("all", {{"title", "."}}, {{"add_labels", {"bug"}}})}, repos);
  }
  void add_issues(int count, const std::string& repo = "org/app") {
    for (int i = 0; i < count; ++i) world_.forge.add_issue(repo, "one");
  }
  // The forge answers 500 to this method for these issues.
  void break_issues(const std::string& method, const std::set<std::int64_t>& numbers) {
    world_.on("gitea/1." + method, [this, method, numbers](const Json& params) {
      if (numbers.contains(params.at("number").get<std::int64_t>()))
        throw Retryable("unavailable", "500");
      return world_.forge.answer(method, params);
    });
  }
  void break_list_of(const std::set<std::string>& repos) {
    world_.on("gitea/1.list_issues", [this, repos](const Json& params) {
      if (repos.contains(params.at("repo").get<std::string>()))
        throw Retryable("unavailable", "500");
      return world_.forge.answer("list_issues", params);
    });
  }
  [[nodiscard]] long count(const std::string& method) const {
    const auto all = requests();
    return std::count(all.begin(), all.end(), method);
  }
  [[nodiscard]] int labelled(const std::string& repo = "org/app") {
    int all = 0;
    for (const auto& issue : world_.forge.repo(repo).issues) all += !issue.labels.empty();
    return all;
  }
};

TEST_F(Astray, AnIssueThatAlwaysFailsKeepsNoOtherFromItsLabels) {
  add_issues(5);
  break_issues("add_labels", {4});
  const auto outcome = run(label_all());
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE) << "so that it is tried again";
  EXPECT_EQ(outcome.message, "1 failed, 4 changed; org/app#4: gitea/1.add_labels: 500");
  EXPECT_EQ(labelled(), 4);
}

TEST_F(Astray, ItIsTriedAgainByTheVeryNextRunAndByEachOnce) {
  add_issues(3);
  world_.advance(std::chrono::hours(1));
  break_issues("add_labels", {2});
  (void)run(label_all());
  for (int i = 0; i < 3; ++i) {
    world_.advance(seconds(10));
    EXPECT_EQ(run(label_all()).status, TIMMY_RETRYABLE);
    EXPECT_EQ(count("add_labels"), 1);
  }
  world_.succeed("gitea/1.add_labels");
  world_.advance(seconds(10));
  EXPECT_TRUE(run(label_all()).ok());
  EXPECT_EQ(labelled(), 3);
}

TEST_F(Astray, ARepositoryThatAlwaysFailsKeepsNoOtherFromItsTurn) {
  for (const char* repo : {"org/b", "org/c"}) world_.forge.add_repo(repo, {"bug"});
  for (const char* repo : {"org/app", "org/b", "org/c"}) add_issues(1, repo);
  break_list_of({"org/b"});
  const auto outcome = run(label_all({"org/app", "org/b", "org/c"}));
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_EQ(outcome.message, "1 failed, 2 changed; org/b: gitea/1.list_issues: 500");
  EXPECT_EQ(labelled("org/c"), 1);
  EXPECT_EQ(labelled("org/b"), 0);
  world_.succeed("gitea/1.list_issues");
  EXPECT_TRUE(run(label_all({"org/app", "org/b", "org/c"})).ok());
  EXPECT_EQ(labelled("org/b"), 1);
}

TEST_F(Astray, ThoseThatFailHereAndThereDoNotEndTheRound) {
  add_issues(12);
  break_issues("add_labels", {1, 3, 5, 7, 9, 11});
  const auto outcome = run(label_all());
  EXPECT_THAT(outcome.message, HasSubstr("6 failed, 6 changed"));
  EXPECT_EQ(labelled(), 6);
}

TEST_F(Astray, ARepositoryInWhichOneAfterTheOtherFailsIsLeftAloneAndTheOthersAreNot) {
  world_.forge.add_repo("org/lib", {"bug"});
  add_issues(1, "org/lib");
  add_issues(20);
  world_.on("gitea/1.add_labels", [this](const Json& params) {
    if (params.at("repo") == "org/app") throw Retryable("unavailable", "500");
    return world_.forge.answer("add_labels", params);
  });
  const auto outcome = run(label_all({"org/app", "org/lib"}));
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_EQ(count("add_labels"), 4);
  EXPECT_EQ(labelled("org/lib"), 1);
  world_.succeed("gitea/1.add_labels");
  EXPECT_TRUE(run(label_all({"org/app", "org/lib"})).ok());
  EXPECT_EQ(labelled(), 20) << "what was not looked at is listed again";
}

TEST_F(Astray, WhatIsDueIsNotAskedForWhereTheRepositoryIsLeftAlone) {
  add_issues(5);
  const Json with = config({rule("old", {{"older_than", "1h"}}, {{"add_labels", {"wish"}}})});
  (void)run(with);
  world_.advance(std::chrono::minutes(30));
  add_issues(1);
  (void)run(with);
  break_issues("get_issue", {1, 2, 3, 4, 5});
  EXPECT_EQ(later(with, std::chrono::hours(2)).status, TIMMY_RETRYABLE);
  EXPECT_EQ(count("get_issue"), 3);
  world_.succeed("gitea/1.get_issue");
  EXPECT_TRUE(run(with).ok());
  EXPECT_EQ(labelled(), 6);
}

TEST_F(Astray, AForgeThatIsAwayIsAskedThreeTimes) {
  std::vector<std::string> repos;
  std::set<std::string> all;
  for (int i = 0; i < 10; ++i) {
    repos.push_back("org/repo" + std::to_string(i));
    all.insert(repos.back());
    world_.forge.add_repo(repos.back(), {"bug"});
    add_issues(1, repos.back());
  }
  (void)run(config({rule("none", {{"title", "^$"}}, {{"add_labels", {"bug"}}})}, repos));
  break_list_of(all);
  const auto outcome = run(label_all(repos));
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_THAT(outcome.message, HasSubstr("3 failed, 0 changed, 7 repositories unread"));
  EXPECT_EQ(count("list_issues"), 3);
  all.erase("org/repo4");
  break_list_of(all);
  EXPECT_THAT(run(label_all(repos)).message, HasSubstr("4 failed, 1 changed, 5 repositories"))
      << "one that answers shows that it is there";
}

TEST_F(Astray, ThreeRepositoriesThatAlwaysFailKeepNoOtherFromItsTurnForEver) {
  const std::vector<std::string> repos{"org/a", "org/b", "org/c", "org/d"};
  for (const auto& repo : repos) {
    world_.forge.add_repo(repo, {"bug"});
    add_issues(1, repo);
  }
  break_list_of({"org/a", "org/b", "org/c"});
  (void)run(label_all(repos));
  (void)run(label_all(repos));
  EXPECT_EQ(labelled("org/d"), 1);
}

TEST_F(Astray, ThreeIssuesThatAlwaysFailKeepNoOtherFromItsTurnForEver) {
  add_issues(10);
  break_issues("add_labels", {8, 9, 10});
  (void)run(label_all());
  EXPECT_EQ(labelled(), 0);
  (void)run(label_all());
  EXPECT_EQ(labelled(), 7);
  world_.advance(std::chrono::minutes(30));
  (void)run(label_all());
  EXPECT_EQ(count("list_issues"), 1);
  EXPECT_EQ(count("add_labels"), 3) << "those that fail are asked for by themselves";
}

TEST_F(Astray, WhereTheForgeAnswersForOthersInBetweenNoneIsLeftAlone) {
  for (int i = 0; i < 12; ++i) world_.forge.add_pull("org/app", "one", "branch");
  break_issues("list_pr_files", {3, 6, 9, 12});
  const Json with = config({rule("docs", {{"files", {"docs/*"}}}, {{"add_labels", {"bug"}}})});
  EXPECT_EQ(run(with).status, TIMMY_RETRYABLE);
  EXPECT_EQ(count("list_pr_files"), 12);
}

TEST_F(Astray, PullRequestsAreReadWhereTheLastIssuesFail) {
  add_issues(4);
  world_.forge.add_pull("org/app", "one", "branch");
  break_issues("add_labels", {1, 2, 3});
  (void)run(config({rule("all", {{"kind", "any"}}, {{"add_labels", {"bug"}}})}));
  EXPECT_THAT(world_.forge.issue("org/app", 5).labels, ElementsAre("bug"));
}

TEST_F(Astray, APauseThatTheForgeAsksForEndsTheRoundAtOnce) {
  add_issues(5);
  world_.fail("gitea/1.add_labels", Retryable("rate_limited", "slow down", seconds(90)));
  const auto outcome = run(label_all());
  EXPECT_EQ(outcome.code, "rate_limited");
  EXPECT_EQ(outcome.delay, seconds(90));
  EXPECT_EQ(count("add_labels"), 1);
}

TEST_F(Astray, TheLongestDelayThatWasAskedForIsTheRounds) {
  add_issues(4);
  world_.on("gitea/1.add_labels", [this](const Json& params) -> Json {
    const auto number = params.at("number").get<int>();
    if (number % 2 == 0) throw Retryable("unavailable", "500", seconds(10 * number));
    return world_.forge.answer("add_labels", params);
  });
  EXPECT_EQ(run(label_all()).delay, seconds(40));
}

TEST_F(Astray, ATeamThatCannotBeReadForNowKeepsNoOtherRuleAndIsAskedOnceARound) {
  add_issues(5);
  world_.forge.teams["org"]["core"] = {"alice"};
  world_.fail("gitea/1.list_team_members", Retryable("unavailable", "500"));
  const Json with = config({rule("team", {{"team", {"core"}}}, {{"add_labels", {"wish"}}}),
                            rule("all", {{"title", "."}}, {{"add_labels", {"bug"}}})});
  EXPECT_EQ(run(with).status, TIMMY_RETRYABLE);
  EXPECT_EQ(count("list_team_members"), 1);
  EXPECT_EQ(labelled(), 5);
  world_.succeed("gitea/1.list_team_members");
  world_.advance(seconds(10));
  EXPECT_TRUE(run(with).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug", "wish")) << "by the very next run";
}

TEST_F(Astray, AnOwnerWhoseRepositoriesCannotBeListedKeepsNoOtherOwner) {
  add_issues(1);
  world_.forge.add_repo("other/lib", {"bug"});
  add_issues(1, "other/lib");
  world_.on("gitea/1.list_repos", [this](const Json& params) -> Json {
    if (params.at("owner") == "org") throw Retryable("unavailable", "500");
    return world_.forge.answer("list_repos", params);
  });
  const auto outcome = run(label_all({"org/*", "other/*"}));
  EXPECT_EQ(outcome.message, "1 failed, 1 changed; org/*: gitea/1.list_repos: 500");
  EXPECT_EQ(labelled("other/lib"), 1);
  EXPECT_THAT(labels(1), IsEmpty());
}

}  // namespace
}  // namespace triage
