// SPDX-License-Identifier: Apache-2.0
//
// Repositories that have another name than before; with twins of all but the store. With real
// folders: dispatch_rename_test.cpp.
#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"
#include "tokens/account_table.hpp"
#include "tokens/renamed_repo.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DispatcherRenameTest : public DispatcherTest {
 protected:
  // Another repository has the name from now on, with one issue that fits.
  void give_name_away() {
    forge_.rename_repo("org/app", "org/web");
    forge_.add_repo("org/app", {"bug"}).about.can_push = true;
    add_issue();
  }
};

// The playbooks name the old one, and the forge sends their calls on.
TEST_F(DispatcherRenameTest, ByItsOldNameARepositorysIssuesAreNotTaken) {
  start();
  const auto number = add_issue({}).number;
  forge_.rename_repo("org/app", "org/web");
  forge_.repos.at("org/web").issues.at(number).labels.push_back({0, "bug", "", "", false});
  dispatcher_->look_at("org/app", number);
  loop_.drain();
  EXPECT_THAT(items(), IsEmpty());
  dispatcher_->look_at("org/web", number);
  loop_.drain();
  EXPECT_EQ(only_item().repository, "org/web");
}

TEST_F(DispatcherRenameTest, WhatIsOrderedByTheOldNameIsTakenByTheNewOne) {
  start();
  const auto number = add_issue({}).number;
  forge_.rename_repo("org/app", "org/web");
  const auto taken = answer_of<Item>([&](Reply<Item> reply) {
    dispatcher_->dispatch({"org/app", number, "fixer", {}, std::string(kByOperator)},
                          std::move(reply));
  });
  ASSERT_TRUE(taken.ok()) << taken.error().what();
  EXPECT_EQ(taken.value().repository, "org/web");
}

// Nobody is sent on by the old name any more, so only its id tells.
TEST_F(DispatcherRenameTest, ItemsFollowTheirRepositoryWhenAnotherOneHasItsName) {
  add_issue();
  start();
  tick();
  ASSERT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
  give_name_away();
  tick(settings_.sweep);
  const auto all = items();
  ASSERT_EQ(all.size(), 2U) << "what was done for the one is not done for the other";
  EXPECT_EQ(all[0].repository, "org/web");
  EXPECT_EQ(all[1].repository, "org/app");
  EXPECT_EQ(all[1].at.state, ItemState::done) << all[1].reason;
  EXPECT_NE(all[0].repository_id, all[1].repository_id);
}

// The forge sends on by the old name, or another repository has it: the cap over an issue is not
// renewed.
TEST_F(DispatcherRenameTest, WhatAnIssueUsedGoesWithItsRepository) {
  const auto number = add_issue().number;
  start();
  tick();
  ASSERT_EQ(only_item().at.state, ItemState::done) << only_item().reason;
  const auto use = [&](const char* repository, std::int64_t tokens) {
    Account more;
    more.used.input = Tokens(tokens);
    store_.run_now([&](Unit& unit) {
      add_to_account(unit, account_key(0, Dimension::issue, issue_account(repository, number)),
                     more, loop_.clock().wall());
    });
  };
  const auto used = [&](const char* repository) {
    return store_
        .run_now([&](Unit& unit) {
          return read_account(unit,
                              account_key(0, Dimension::issue, issue_account(repository, number)));
        })
        .settled.count();
  };
  use("org/app", 700);
  dispatcher_->renamed("org/app", "org/old");
  loop_.drain();
  EXPECT_EQ(used("org/old"), 700);
  EXPECT_EQ(used("org/app"), 0);
  dispatcher_->renamed("org/old", "org/app");
  loop_.drain();
  EXPECT_EQ(used("org/app"), 700);
  give_name_away();
  tick(settings_.sweep);
  EXPECT_EQ(used("org/web"), 700);
  EXPECT_EQ(used("org/app"), 0);
}

// Who names the old name after that is about that other repository.
TEST_F(DispatcherRenameTest, ANameThatAnotherRepositoryTakesIsNoOldNameAnyMore) {
  start();
  dispatcher_->renamed("org/app", "org/web");
  loop_.drain();
  const auto counted_on = [&] {
    return store_.run_now([](Unit& unit) { return repo_for_accounts(unit, "org/app"); });
  };
  EXPECT_EQ(counted_on(), "org/web");
  give_name_away();
  tick(settings_.sweep);
  EXPECT_EQ(counted_on(), "org/app");
}

TEST_F(DispatcherRenameTest, AnAgentAtWorkForAnotherRepositorysIssueIsStopped) {
  runs_.by_themselves = false;
  add_issue();
  start();
  tick();
  ASSERT_EQ(runs_.at_work().size(), 1U);
  // A look finds the repository under its new name as well, if playbooks are for that.
  set_rules({{"fixer", "matching: { repositories: [org/app], labels: { all: [bug] } }\n"}});
  loop_.drain();
  give_name_away();
  tick();
  EXPECT_THAT(runs_.at_work(), IsEmpty());
  const auto all = items();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].at.state, ItemState::stopped);
  EXPECT_THAT(all[0].reason, HasSubstr("another repository"));
}

// A host with two issues and one place for them.
class RenameWorld : public DispatcherTest {
 public:
  RenameWorld() {
    runs_.agent = [this](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
      auto facts = FakeRuns::fixes(order, clone);
      // It is one clone, whatever the repository's name.
      workspaces_.clones["org/web#" + std::to_string(order.work.item.number)] = clone;
      return facts;
    };
    add_issue(), add_issue();
  }
  void TestBody() override {}
  using DispatcherTest::items, DispatcherTest::tick;

  // False: nothing more happens.
  bool start_and_do(int events) {
    dispatcher_ =
        std::make_unique<Dispatcher>(world(), Log::to_memory(lines_), ++instance_, settings_);
    dispatcher_->start(rules_, [](const Status&) {});
    while (events-- > 0)
      if (!loop_.run_one()) return false;
    return true;
  }
  // In the store; the dispatcher has not heard of it. Calls by the old name go on to work.
  void rename_unheard() {
    forge_.rename_repo("org/app", "org/web");
    forge_.repos["org/app"] = forge_.repos.at("org/web");
    for (const int number : {1, 2}) {
      const auto old_name = "org/app#" + std::to_string(number);
      const auto new_name = "org/web#" + std::to_string(number);
      if (workspaces_.clones.contains(old_name))
        workspaces_.clones[new_name] = workspaces_.clones[old_name];
      if (workspaces_.work.contains(old_name))
        workspaces_.work[new_name] = workspaces_.work[old_name];
    }
    store_.run_now([](Unit& unit) { rename_items(unit, "org/app", "org/web"); });
  }
};

TEST(RenameAtAnyMoment, WhatIsOvertakenKeepsNobodyFromTheLane) {
  for (int moment = 1;; ++moment) {
    SCOPED_TRACE("after " + std::to_string(moment) + " events");
    RenameWorld world;
    const bool more = world.start_and_do(moment);
    world.rename_unheard();
    world.tick(std::chrono::hours(1));
    const auto all = world.items();
    ASSERT_EQ(all.size(), 2U);
    for (const auto& item : all)
      ASSERT_EQ(item.at.state, ItemState::done) << item.subject() << ": " << item.reason;
    if (more) continue;
    ASSERT_GT(moment, 60);
    return;
  }
}

}  // namespace
}  // namespace host::dispatch
