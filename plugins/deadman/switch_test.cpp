// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

namespace deadman {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using timmy::Json;

class Switch : public DeadmanTest {
 protected:
  [[nodiscard]] std::vector<std::string> looked() const {
    std::vector<std::string> names;
    for (const auto& each : deadman_.looks) names.push_back(each.name);
    return names;
  }
  std::vector<std::string> begun_;
};

TEST_F(Switch, WithoutADeadmanYamlThereIsNothingToDo) {
  deadman_.configured = false;
  EXPECT_THAT(look().at("skipped").get<std::string>(), HasSubstr("no deadman.yaml"));
  EXPECT_THAT(ask().at("skipped").get<std::string>(), HasSubstr("no deadman.yaml"));
}

TEST_F(Switch, LooksAtEachWatchAndSaysWhatHappened) {
  deadman_.add("hermes");
  deadman_.add("nightly", "task");
  EXPECT_EQ(look(), (Json{{"watches", 2},
                          {"deadman_active", Json::array()},
                          {"handed_off", Json::array()},
                          {"happened", Json::array()},
                          {"skipped", Json::array()},
                          {"dry_run", false}}));
  EXPECT_THAT(looked(), ElementsAre("hermes", "nightly"));
  deadman_.watches["hermes"]["deadman_active"] = true;
  deadman_.happens("hermes", "died", "has given no sign of life for 10m");
  const auto result = look();
  EXPECT_EQ(result["deadman_active"], Json::array({"hermes"}));
  EXPECT_EQ(result["happened"], Json::array({"hermes has given no sign of life for 10m"}));
}

TEST_F(Switch, NoForgeHoldsUpARestartForItsRunAsksNone) {
  deadman_.add_work("ada", {"org/app"}, "ada");
  deadman_.add("hermes");
  deadman_.watches["hermes"]["handed_off"] = true;
  deadman_.happens("hermes", "handed_off", "hands off");
  const auto result = look();
  EXPECT_EQ(result["happened"], Json::array({"hermes hands off"}));
  EXPECT_EQ(result["handed_off"], Json::array({"hermes"}));
  EXPECT_THAT(world_.calls, ElementsAre("process/1.watches", "process/1.look"))
      << "each further call could wait";
  ask();
  EXPECT_THAT(looked(), ElementsAre("hermes", "ada"));
  EXPECT_THAT(issues(), SizeIs(1));
}

// The run that asks the forge has the grant to restart as well: a look of it would restart an agent
// that a person has stopped to work on.
TEST_F(Switch, WhileTheTaskThatLooksIsPausedNothingIsLookedAtAndThatIsTold) {
  deadman_.add("hermes");
  deadman_.add("nightly", "task");
  for (const char* name : {"hermes", "nightly"}) deadman_.watches[name]["state"] = "unlooked";
  for (int minute = 0; minute < 20; ++minute) {
    ask();
    EXPECT_THAT(issues(), SizeIs(minute < 2 ? 0 : 2)) << minute;
  }
  EXPECT_THAT(looked(), IsEmpty());
}

TEST_F(Switch, ThatTheHostWasAwayIsNotToldWhenThisRunComesBeforeTheOneThatLooks) {
  deadman_.add("hermes");
  for (int pause = 0; pause < 3; ++pause) {
    deadman_.watches["hermes"]["state"] = "unlooked";
    ask();
    ask();
    deadman_.watches["hermes"]["state"] = "alive";
    ask();
  }
  EXPECT_THAT(issues(), IsEmpty()) << "the runs of one pause count for another";
  EXPECT_THAT(world_.state, IsEmpty());
}

TEST_F(Switch, AForgeThatTakesAllTimeForOneKeepsNoOtherFromItsTurn) {
  for (const char* name : {"ada", "bob", "eve"}) deadman_.add_work(name, {"org/app"}, name);
  // Each run is ended while it looks at the work of the first.
  for (int minute = 0; minute < 4; ++minute) {
    world_.on("gitea/1.list_issues", [this](const Json&) -> Json {
      world_.cancel();
      throw timmy::Cancelled("deadline");
    });
    EXPECT_EQ(run("deadman_forge").status, TIMMY_CANCELLED);
    begun_.push_back(world_.state.at("turn"));
  }
  EXPECT_THAT(begun_, ElementsAre("ada", "bob", "eve", "ada"));
  world_.succeed("gitea/1.list_issues");
  ask();
  EXPECT_THAT(looked(), ElementsAre("bob", "eve", "ada"));
}

TEST_F(Switch, WhatFailsForOneKeepsNoOtherFromItsTurn) {
  deadman_.add("ada");
  deadman_.add("hermes");
  world_.on("process/1.look", [this](const Json& params) -> Json {
    if (params.at("name") == "ada") throw timmy::Permanent("denied", "ada can't be looked at");
    return deadman_.answer("look", params);
  });
  const auto outcome = run("deadman_switch");
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_THAT(outcome.message, HasSubstr("ada can't be looked at"));
  EXPECT_THAT(looked(), ElementsAre("hermes"));
}

TEST_F(Switch, AOneShotThatIsAtWorkIsNoFailure) {
  deadman_.add("hermes");
  world_.fail("process/1.look", timmy::Retryable("unavailable", "another deadman is at work"));
  EXPECT_EQ(look()["skipped"], Json::array({"hermes"}));
}

TEST_F(Switch, WhatAOneShotWasAtWorkAtIsLookedAtAgainAtTheEnd) {
  deadman_.add("hermes");
  deadman_.add("other");
  deadman_.watches["hermes"]["deadman_active"] = true;
  int looks = 0;
  world_.on("process/1.look", [&](const Json& params) -> Json {
    if (++looks == 1) throw timmy::Retryable("unavailable", "another deadman is at work");
    return deadman_.answer("look", params);
  });
  const auto result = look();
  EXPECT_THAT(looked(), ElementsAre("other", "hermes"));
  EXPECT_THAT(result["skipped"], IsEmpty());
  EXPECT_EQ(result["deadman_active"], Json::array({"hermes"}));
}

TEST_F(Switch, ARestartThatIsNotGrantedIsLoggedWithTheLineThatGrantsIt) {
  deadman_.add("hermes");
  deadman_.watches["hermes"]["withheld"] = "add process.restart: [\"hermes\"]";
  look();
  EXPECT_THAT(world_.log, IsEmpty()) << "while it lives that is nobody's worry";
  deadman_.happens("hermes", "died", "died");
  look();
  EXPECT_EQ(world_.log_text(), "warn add process.restart: [\"hermes\"]\n");
}

TEST_F(Switch, BeingCancelledEndsIt) {
  deadman_.add("hermes");
  world_.cancel_at_call(2);
  EXPECT_EQ(run("deadman_switch").status, TIMMY_CANCELLED);
}

}  // namespace
}  // namespace deadman
