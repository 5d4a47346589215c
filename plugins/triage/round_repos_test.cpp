// SPDX-License-Identifier: Apache-2.0
//
// Which repositories a round comes to: as far as its time reaches, none that is archived.
#include "triage_fixture.hpp"

namespace triage {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using timmy::Json;

class RoundRepos : public TriageTest {
 protected:
  RoundRepos() {
    for (const char* repo : {"org/lib", "org/web"}) world_.forge.add_repo(repo, {"bug"});
    for (const char* repo : {"org/app", "org/lib", "org/web"}) world_.forge.add_issue(repo, "one");
  }
  static Json all(const std::vector<std::string>& repos = {"org/app", "org/lib", "org/web"}) {
    return config({rule("all", {{"title", "."}}, {{"add_labels", {"bug"}}})}, repos);
  }
  // Of which repositories issues were listed, in order.
  [[nodiscard]] std::vector<std::string> listed() const {
    std::vector<std::string> repos;
    for (const auto& call : world_.asked)
      if (call.method == "gitea/1.list_issues") repos.push_back(call.params.at("repo"));
    return repos;
  }
  std::vector<std::string> labels_in(const std::string& repo) {
    return world_.forge.issue(repo, 1).labels;
  }
};

// Time.

TEST_F(RoundRepos, ARunWhoseTimeIsNearlyUpBeginsWithNoOtherAndTheNextGoesOnThere) {
  world_.on("gitea/1.list_issues", [this](const Json& params) {
    if (params.at("repo") == "org/lib") world_.remaining = seconds(29);
    return world_.forge.answer("list_issues", params);
  });
  const auto outcome = run(all());
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(listed(), ElementsAre("org/app", "org/lib"));
  EXPECT_EQ(outcome.result.at("repos_left"), 1);
  EXPECT_THAT(world_.log_text(), HasSubstr("warn 1 repositories are left for the next round"));
  world_.remaining = minutes(3);
  world_.succeed("gitea/1.list_issues");
  EXPECT_FALSE(later(all()).result.contains("repos_left"));
  EXPECT_THAT(listed(), ElementsAre("org/web", "org/app", "org/lib"));
  EXPECT_THAT(labels_in("org/web"), ElementsAre("bug"));
}

TEST_F(RoundRepos, HoweverLittleTimeThereIsOneIsLookedAt) {
  world_.remaining = seconds(5);
  for (int i = 0; i < 3; ++i) (void)later(all());
  world_.remaining = minutes(3);
  EXPECT_THAT(listed(), ElementsAre("org/web"));
}

// What is archived.

TEST_F(RoundRepos, OneThatIsArchivedIsLeftOutAndSaidToBe) {
  world_.forge.repo("org/lib").archived = true;
  for (int i = 0; i < 2; ++i) {
    const auto outcome = later(all(), hours(25 * i));
    ASSERT_TRUE(outcome.ok()) << outcome.message;
    EXPECT_EQ(outcome.result.at("archived"), Json::array({"org/lib"}));
    EXPECT_THAT(listed(), ElementsAre("org/app", "org/web"));
  }
  EXPECT_THAT(world_.log_text(), HasSubstr("info org/lib: left out, it is archived"));
  EXPECT_THAT(labels_in("org/app"), ElementsAre("bug"));
}

TEST_F(RoundRepos, SoIsOneThatTurnsOutToBeByAWriteThatItRefuses) {
  ASSERT_TRUE(run(all()).ok());
  for (int i = 0; i < 5; ++i) world_.forge.add_issue("org/lib", "another");
  world_.forge.repo("org/lib").archived = true;
  const int writes = world_.forge.writes;
  const auto outcome = later(all());
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("archived"), Json::array({"org/lib"}));
  EXPECT_EQ(world_.forge.writes, writes + 1);
  EXPECT_EQ(later(all()).result.at("archived"), Json::array({"org/lib"}));
  EXPECT_EQ(world_.forge.writes, writes + 1) << "it is not asked to write again";
}

TEST_F(RoundRepos, WhatWasLeftOutIsDoneOnceItIsNoLongerArchived) {
  world_.forge.repo("org/lib").archived = true;
  ASSERT_TRUE(run(all()).ok());
  world_.forge.repo("org/lib").archived = false;
  const auto outcome = later(all(), minutes(5));
  EXPECT_FALSE(outcome.result.contains("archived"));
  EXPECT_THAT(labels_in("org/lib"), ElementsAre("bug"));
}

TEST_F(RoundRepos, AnEventOfOneThatIsArchivedIsNoFailure) {
  world_.forge.repo("org/lib").archived = true;
  const auto outcome = run(all(), {{"repo", "org/lib"}, {"number", 1}});
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("archived"), Json::array({"org/lib"}));
}

}  // namespace
}  // namespace triage
