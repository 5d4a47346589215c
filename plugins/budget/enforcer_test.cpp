// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

namespace budget {
namespace {

using testing::HasSubstr;
using timmy::Json;
using timmy::testing::Account;

class Enforcer : public BudgetTest {
 protected:
  Json enforce() {
    world_.log.clear();
    const auto outcome = run("token_budget_enforcer");
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    return outcome.result;
  }
};

TEST_F(Enforcer, NotesAPauseWithItsCauseAndItsEndAndSaysItOnce) {
  account_.pauses = {Account::pause("nightly", "the cap of 1000 tokens is reached")};
  EXPECT_EQ(enforce().at("paused"), Json({"nightly"}));
  EXPECT_EQ(world_.log_text(),
            "warn pipeline nightly pauses until 2026-01-06T00:00:00Z: the cap of 1000 tokens is "
            "reached\n");
  EXPECT_EQ(world_.state.at("pauses").at("nightly"),
            (Json{{"cause", "the cap of 1000 tokens is reached"},
                  {"since", "2026-01-05T12:00:00Z"},
                  {"until", "2026-01-06T00:00:00Z"}}));
  world_.advance(std::chrono::minutes(15));
  enforce();
  EXPECT_EQ(world_.log_text(), "");
  EXPECT_EQ(world_.state.at("pauses").at("nightly").at("since"), "2026-01-05T12:00:00Z");
}

TEST_F(Enforcer, SaysThatAPauseIsOver) {
  account_.pauses = {Account::pause("nightly", "it is reached")};
  enforce();
  account_.pauses = Json::array();
  EXPECT_EQ(enforce().at("paused"), Json::array());
  EXPECT_EQ(world_.log_text(),
            "info pipeline nightly goes on; it had paused since 2026-01-05T12:00:00Z\n");
  EXPECT_EQ(world_.state.at("pauses"), Json::object());
}

TEST_F(Enforcer, WarnsOnceOfACapThatNearsItsEndAndOnceWhereItIsReached) {
  account_.standings = {Account::standing("pipeline", "nightly", 1000, 799),
                        Account::standing("model", "acme/large", 1000, 10)};
  EXPECT_EQ(enforce().at("warned"), 0);
  account_.standings[0] = Account::standing("pipeline", "nightly", 1000, 850);
  EXPECT_EQ(enforce().at("warned"), 1);
  EXPECT_EQ(world_.log_text(), "warn the cap on pipeline \"nightly\" is used by 85%\n");
  account_.standings[0] = Account::standing("pipeline", "nightly", 1000, 900);
  enforce();
  EXPECT_EQ(world_.log_text(), "");
  account_.standings[0] = Account::standing("pipeline", "nightly", 1000, 1000);
  EXPECT_EQ(enforce().at("reached"), 1);
  EXPECT_EQ(world_.log_text(), "warn the cap on pipeline \"nightly\" is reached\n");
  enforce();
  EXPECT_EQ(world_.log_text(), "");
}

TEST_F(Enforcer, WarnsAnewTheNextDayButNotOfACapThatLasts) {
  account_.standings = {Account::standing("pipeline", "nightly", 1000, 850),
                        Account::standing("issue", "org/app#7", 1000, 850, "")};
  enforce();
  EXPECT_THAT(world_.log_text(), HasSubstr("issue \"org/app#7\""));
  account_.day = "2026-01-06";
  enforce();
  EXPECT_EQ(world_.log_text(), "warn the cap on pipeline \"nightly\" is used by 85%\n");
}

TEST_F(Enforcer, KeepsWithinAValueOfStateHoweverMuchThereIs) {
  const std::string cause(500, 'x');
  for (int i = 0; i < 2000; ++i) {
    const auto name = std::string(150, 'n') + std::to_string(i);
    account_.pauses.push_back(Account::pause(name, cause));
    account_.standings.push_back(Account::standing("issue", name, 10, 10, ""));
  }
  enforce();
  EXPECT_EQ(world_.state.at("pauses").size(), 150u);
  enforce();
  EXPECT_EQ(world_.log_text(), "");
}

TEST_F(Enforcer, SaysNothingOfSingleRuns) {
  account_.standings = {Account::standing("run", "12.1", 10, 10, "")};
  EXPECT_EQ(enforce().at("reached"), 1);
  EXPECT_EQ(world_.log_text(), "");
}

TEST_F(Enforcer, AnAccountThatIsNotGrantedIsNoNews) {
  world_.fail("tokens/1.standings", timmy::Permanent("not_granted", "no"));
  EXPECT_EQ(run("token_budget_enforcer").code, "not_granted");
}

}  // namespace
}  // namespace budget
