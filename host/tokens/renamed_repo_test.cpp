// SPDX-License-Identifier: Apache-2.0
//
// An issue's cap never begins anew: not with another name of its repository either.
#include "tokens/renamed_repo.hpp"

#include <gmock/gmock.h>

#include "tokens/ledger_fixture.hpp"
#include "tokens/ledger_reads.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;

class RenamedRepoTest : public LedgerTest {
 protected:
  static Spender on(const std::string& repo, const std::string& run = "1.1") {
    auto who = spender("nightly", run);
    who.repo = repo;
    who.issue = 7;
    return who;
  }
  void rename(const std::string& from, const std::string& to) {
    store_.run_now(
        [&](Unit& unit) { rename_issue_accounts(unit, from, to, loop_.clock().wall()); });
  }
  // A run with one call, from its beginning to its end.
  void spend(const std::string& repo, std::int64_t tokens, const std::string& run) {
    const auto reservation = reserve(0, on(repo, run)).value();
    (void)settle(hold(reservation, tokens, 0).value().id, tokens, 0).value();
    (void)release(reservation).value();
  }
  Account issue(const std::string& name) { return account(Dimension::issue, name); }
  // Of the cap, and that the account is within it.
  std::int64_t left(const std::string& name, std::int64_t cap) {
    const auto taken = issue(name).taken().count();
    EXPECT_LE(taken, cap);
    EXPECT_GE(issue(name).held, Tokens());
    EXPECT_GE(issue(name).reserved, Tokens());
    return cap - taken;
  }
};

TEST_F(RenamedRepoTest, BetweenTwoRunsTheCapIsNotRenewed) {
  budget(R"({"issue": {"tokens": 800, "runs": 2}})");
  spend("Org/App", 700, "1.1");
  rename("org/app", "Org/Web");
  EXPECT_EQ(issue("org/app#7"), Account());
  EXPECT_EQ(issue("org/web#7").settled, Tokens(700));
  const auto next = reserve(0, on("org/web", "1.2")).value();
  const auto refused = hold(next, 101, 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message(), HasSubstr("100 tokens left"));
  EXPECT_TRUE(hold(next, 100, 0).ok());
  EXPECT_EQ(left("org/web#7", 800), 0);
  EXPECT_FALSE(reserve(0, on("org/web", "1.3")).ok()) << "its runs are counted on, too";
}

TEST_F(RenamedRepoTest, AHoldThatIsOpenSettlesOnTheNewName) {
  budget(R"({"issue": {"tokens": 800}})");
  const auto reservation = reserve(500, on("org/app")).value();
  const auto call = hold(reservation, 200, 100).value();
  rename("org/app", "org/web");
  EXPECT_EQ(left("org/web#7", 800), 300);
  EXPECT_EQ(issue("org/web#7").held, Tokens(300));
  EXPECT_EQ(issue("org/web#7").reserved, Tokens(200));
  (void)settle(call.id, 200, 50).value();
  EXPECT_EQ(issue("org/web#7").settled, Tokens(250));
  EXPECT_EQ(left("org/web#7", 800), 300);
  const auto more = hold(reservation, 550, 0).value();
  EXPECT_FALSE(hold(reservation, 1, 0).ok());
  EXPECT_EQ(left("org/web#7", 800), 0);
  (void)release(reservation).value();
  (void)drop(more.id).value();
  EXPECT_EQ(left("org/web#7", 800), 550);
  EXPECT_EQ(issue("org/app#7"), Account()) << "nothing went there";
  EXPECT_EQ(number("SELECT count(*) FROM reservations"), 0);
}

TEST_F(RenamedRepoTest, AHostThatDiesAfterItChargesTheNewName) {
  budget(R"({"issue": {"tokens": 800}})");
  (void)hold(reserve(0, on("org/app")).value(), 300, 0).value();
  rename("org/app", "org/web");
  EXPECT_EQ(start("boot 1").holds, 1);
  EXPECT_EQ(issue("org/web#7").settled, Tokens(300));
  EXPECT_EQ(left("org/web#7", 800), 500);
  EXPECT_EQ(issue("org/app#7"), Account());
}

TEST_F(RenamedRepoTest, WhoNamesTheOldOneSpendsOnTheNewOne) {
  budget(R"({"issue": {"tokens": 800}})");
  spend("org/app", 300, "1.1");
  rename("org/app", "org/web");
  spend("ORG/app", 300, "1.2");
  store_.run_now(
      ledger_->reporting(on("org/app", "1.3"), {{kModel, {Tokens(50), {}, {}, {}, {}}}}));
  rename("org/web", "other/web");
  rename("org/web", "other/web");
  EXPECT_EQ(left("other/web#7", 800), 150);
  EXPECT_FALSE(hold(reserve(0, on("org/app", "1.4")).value(), 151, 0).ok());
  rename("other/web", "org/app");
  EXPECT_FALSE(hold(reserve(0, on("org/web", "1.5")).value(), 151, 0).ok());
  EXPECT_EQ(left("org/app#7", 800), 150) << "back where it was";
  EXPECT_EQ(number("SELECT count(*) FROM accounts WHERE dimension='issue'"), 1);
}

TEST_F(RenamedRepoTest, ItsIssueIsFoundByEitherName) {
  budget(R"({"issue": {"tokens": 800}})");
  spend("org/app", 300, "1.1");
  rename("org/app", "org/web");
  for (const auto* name : {"org/app#7", "org/web#7"}) {
    const auto all = wait<std::vector<Standing>>([&](auto done) {
                       ledger_->standings(done, {.of = std::pair(Dimension::issue, name)});
                     }).value();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].name, name);
    EXPECT_EQ(all[0].settled, Tokens(300));
  }
  const auto top =
      store_.run_now([](Unit& unit) { return top_spenders(unit, Dimension::issue, 0, 10).totals; });
  ASSERT_EQ(top.size(), 1U);
  EXPECT_EQ(top[0].name, "org/web#7");
}

TEST_F(RenamedRepoTest, AnotherRepositoryThatTakesTheNameBeginsWithNothingUsed) {
  budget(R"({"issue": {"tokens": 800}})");
  spend("org/app", 800, "1.1");
  rename("org/app", "org/web");
  store_.run_now([](Unit& unit) { take_repo_name(unit, "Org/App"); });
  spend("org/app", 500, "2.1");
  EXPECT_EQ(left("org/app#7", 800), 300);
  EXPECT_EQ(left("org/web#7", 800), 0);
}

// Nothing was sent on: it is known by ids only, after runs for both.
TEST_F(RenamedRepoTest, WhatAnotherRepositorysIssueUsedUnderTheNameStaysThere) {
  budget(R"({"issue": {"tokens": 800}})");
  spend("org/app", 400, "d1.1");
  spend("org/app", 50, "by hand");
  spend("org/app", 20, "d2.1");
  const auto theirs = hold(reserve(10, on("org/app", "d2.2")).value(), 30, 0).value();
  const auto ours = hold(reserve(0, on("org/app", "d1.2")).value(), 100, 0).value();
  const auto move = [&] {
    store_.run_now([&](Unit& unit) {
      rename_issue_account(unit, {"org/app", 7}, "org/web", {"d2."}, loop_.clock().wall());
    });
  };
  move();
  move();
  EXPECT_EQ(issue("org/app#7").taken(), Tokens(50));
  EXPECT_EQ(issue("org/app#7").runs, 2);
  EXPECT_EQ(left("org/web#7", 800), 250);
  (void)settle(theirs.id, 30, 0).value();
  (void)settle(ours.id, 100, 0).value();
  EXPECT_EQ(issue("org/app#7").settled, Tokens(50));
  EXPECT_EQ(issue("org/app#7").held, Tokens());
  EXPECT_EQ(issue("org/web#7").settled, Tokens(550));
  EXPECT_EQ(issue("org/web#7").held, Tokens());
}

}  // namespace
}  // namespace host
