// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_guard.hpp"

#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(NamesIssue, ByNumberAlone) {
  for (const char* text : {"#12", "Fixes #12.", "closes org/app#12", "see ORG/App#12", "(#12)",
                           "https://git.example.org/org/app/issues/12", "x\n#12\n"})
    EXPECT_TRUE(names_issue(text, "org/app", 12)) << text;
  for (const char* text : {"", "12", "#123", "#1 2", "other/app#12", "org/app2#12", "my.org/app#12",
                           "https://git.example.org/org/app2/issues/12", "/issues/12",
                           "https://git.example.org/org/app/issues/123"})
    EXPECT_FALSE(names_issue(text, "org/app", 12)) << text;
}

class Guard : public testing::Test {
 protected:
  Guard() {
    item_.repository = "org/app";
    item_.number = 12;
    item_.own_login = "timmy";
    item_.source = "matching";
  }
  PullRequest pull(const std::string& user, const std::string& head, const std::string& body) {
    PullRequest made;
    made.number = 20 + static_cast<std::int64_t>(facts_.pulls.size());
    made.user = user, made.body = body, made.state = "open";
    made.head = {head, "sha", "org/app"};
    return made;
  }
  GuardVerdict judged() { return judge(item_, "timmy/issue-12", facts_); }

  Item item_;
  GuardFacts facts_;
};

TEST_F(Guard, ThePullRequestOfSomebodyElseStandsInTheWay) {
  facts_.pulls = {pull("ada", "fix", "unrelated, #123")};
  EXPECT_THAT(judged().reasons, IsEmpty());
  facts_.pulls = {pull("ada", "fix", "Closes #12")};
  ASSERT_EQ(judged().reasons.size(), 1U);
  EXPECT_THAT(judged().reasons[0], HasSubstr("by ada is open and names it"));
}

TEST_F(Guard, AMergedOneToUnlessAPersonOrderedTheWork) {
  facts_.pulls = {pull("ada", "fix", "Part of #12")};
  facts_.pulls[0].state = "closed";
  EXPECT_THAT(judged().reasons, IsEmpty()) << "closed without being merged";
  facts_.pulls[0].merged = true;
  EXPECT_EQ(judged().reasons.size(), 1U);
  item_.source = kByOperator;
  EXPECT_THAT(judged().reasons, IsEmpty());
}

TEST_F(Guard, OneFromTheBranchIsItsOwnOnlyWhenTheHostMadeItFromItsCommit) {
  facts_.pulls = {pull("timmy", "timmy/issue-12", "")};
  EXPECT_EQ(judged().reasons.size(), 1U);
  item_.sealed = "sha";
  ASSERT_TRUE(judged().own);
  EXPECT_EQ(judged().own->number, 20);
  facts_.pulls[0].user = "mallory";
  EXPECT_FALSE(judged().own);
  EXPECT_EQ(judged().reasons.size(), 1U);
}

TEST_F(Guard, OneFromABranchOfThatNameElsewhereIsNotOfIt) {
  facts_.pulls = {pull("ada", "timmy/issue-12", "")};
  facts_.pulls[0].head.repo = "ada/app";
  EXPECT_THAT(judged().reasons, IsEmpty());
}

TEST_F(Guard, ABranchThatSomebodyElsePutThereStandsInTheWay) {
  facts_.branch = Branch{};
  facts_.branch->sha = "theirs";
  EXPECT_EQ(judged().reasons.size(), 1U);
  facts_.branch->sha = item_.pushed = "ours";
  EXPECT_THAT(judged().reasons, IsEmpty());
}

TEST_F(Guard, APullRequestThatIsTheItemIsNoDuplicateOfItself) {
  item_.is_pull = true;
  facts_.pulls = {pull("ada", "fix", "see #12")};
  EXPECT_THAT(judged().reasons, IsEmpty());
}

// By the dispatcher, at each of the three points.

class GuardedDispatch : public DispatcherTest {
 protected:
  void pull_by_ada(const std::string& body = "Fixes #1") {
    auto& pull = forge_.add_pull("org/app", "Mine", "ada-fix");
    pull.user = "ada", pull.body = body;
  }
  std::size_t own_pulls() {
    std::size_t count = 0;
    for (const auto& pull : pulls()) count += pull.user == "timmy";
    return count;
  }
};

TEST_F(GuardedDispatch, AtIntakeItIsDeclinedAndLookedAtAgain) {
  add_issue();
  pull_by_ada();
  start();
  EXPECT_EQ(only_item().at, (Position{Gate::intake, ItemState::declined}));
  EXPECT_THAT(only_item().reason, HasSubstr("pull request 2 by ada"));
  EXPECT_THAT(runs_.orders, IsEmpty());
  issue(2).state = "closed";
  tick(hours(1) + std::chrono::minutes(11));
  EXPECT_EQ(only_item().at.state, ItemState::done);
}

TEST_F(GuardedDispatch, AnOrderIsRefusedForWhatWouldDeclineIt) {
  add_issue({});
  pull_by_ada();
  start();
  const DispatchOrder order{"org/app", 1, "fixer", "", std::string(kByOperator)};
  const auto dispatch = [&] {
    return answer_of<Item>([&](Reply<Item> reply) { dispatcher_->dispatch(order, reply); });
  };
  const auto refused = dispatch();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::conflict);
  EXPECT_THAT(refused.error().message(), HasSubstr("pull request 2 by ada is open and names it"));
  EXPECT_THAT(items(), IsEmpty());
  issue(2).state = "closed";
  runs_.by_themselves = false;
  EXPECT_TRUE(dispatch().ok());
  EXPECT_EQ(only_item().at.gate, Gate::track);
  const auto seen = answer_of<DispatchPreview>(
      [&](Reply<DispatchPreview> reply) { dispatcher_->preview(order, reply); });
  ASSERT_TRUE(seen.ok());
  EXPECT_THAT(seen.value().reasons, testing::ElementsAre("item 1 works on org/app#1 already"));
}

TEST_F(GuardedDispatch, TheBranchOfAnEarlierItemIsInNoOrdersWay) {
  add_issue();
  reporter_.waits_for_approval = true;
  start();
  ASSERT_EQ(pulls().size(), 1U);
  close(1);
  tick();
  ASSERT_FALSE(only_item().live());
  ASSERT_FALSE(branch_at(forge_, "org/app", "timmy/issue-1").empty());
  forge_.set_pr_state(parse_repo_name("org/app"), pulls()[0].number, false, [](const auto&) {});
  issue(1).state = "open";
  const auto again = answer_of<Item>([&](Reply<Item> reply) {
    dispatcher_->dispatch({"org/app", 1, "fixer", "", std::string(kByOperator)}, reply);
  });
  EXPECT_TRUE(again.ok()) << again.error().what();
}

TEST_F(GuardedDispatch, BeforeTheAgentStartsItIsStopped) {
  add_issue();
  workspaces_.takes = [] { return Duration(seconds(10)); };
  start();
  pull_by_ada();
  tick(seconds(15));
  EXPECT_EQ(only_item().at, (Position{Gate::track, ItemState::stopped}));
  EXPECT_THAT(runs_.orders, IsEmpty());
}

TEST_F(GuardedDispatch, BeforeThePullRequestIsOpenedItIsStoppedAndTheWorkIsKept) {
  add_issue();
  runs_.by_themselves = false;
  start();
  workspaces_.takes = [] { return Duration(seconds(10)); };
  runs_.finish(runs_.at_work()[0]);
  // Taking in takes 10 s, sealing 10 s, pushing 10 s; ada is faster.
  tick(seconds(25));
  pull_by_ada();
  tick(seconds(20));
  EXPECT_EQ(only_item().at, (Position{Gate::report, ItemState::stopped}));
  EXPECT_FALSE(only_item().head.empty());
  EXPECT_EQ(own_pulls(), 0U);
  ASSERT_EQ(reporter_.told.size(), 1U);
}

TEST_F(GuardedDispatch, ABranchThatAPersonWorksOnIsNotTouched) {
  add_issue();
  set_branch(forge_, "org/app", "timmy/issue-1", "adas");
  start();
  EXPECT_EQ(only_item().at.state, ItemState::declined);
  EXPECT_EQ(branch_at(forge_, "org/app", "timmy/issue-1"), "adas");
}

TEST_F(GuardedDispatch, ABranchThatMovedBehindThePushIsLeftAlone) {
  add_issue();
  runs_.by_themselves = false;
  start();
  workspaces_.takes = [] { return Duration(seconds(10)); };
  runs_.finish(runs_.at_work()[0]);
  tick(seconds(25));
  set_branch(forge_, "org/app", "timmy/issue-1", "adas");
  tick(seconds(20));
  EXPECT_EQ(only_item().at, (Position{Gate::report, ItemState::stopped}));
  EXPECT_EQ(branch_at(forge_, "org/app", "timmy/issue-1"), "adas");
  EXPECT_EQ(own_pulls(), 0U);
}

}  // namespace
}  // namespace host::dispatch
