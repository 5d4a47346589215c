// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

namespace deadman {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;

class Switch : public DeadmanTest {
 protected:
  [[nodiscard]] std::vector<std::string> looked() const {
    std::vector<std::string> names;
    for (const auto& each : deadman_.looks) names.push_back(each.name);
    return names;
  }
};

TEST_F(Switch, WithoutADeadmanYamlThereIsNothingToDo) {
  deadman_.configured = false;
  EXPECT_THAT(pass().at("skipped").get<std::string>(), HasSubstr("no deadman.yaml"));
}

TEST_F(Switch, LooksAtEachWatchAndSaysWhatHappened) {
  deadman_.add("hermes");
  deadman_.add("nightly", "task");
  EXPECT_EQ(pass(), (Json{{"watches", 2},
                          {"deadman_active", Json::array()},
                          {"handed_off", Json::array()},
                          {"happened", Json::array()},
                          {"skipped", Json::array()},
                          {"dry_run", false}}));
  EXPECT_THAT(looked(), ElementsAre("hermes", "nightly"));
  deadman_.watches["hermes"]["deadman_active"] = true;
  deadman_.happens("hermes", "died", "has given no sign of life for 10m");
  const auto result = pass();
  EXPECT_EQ(result["deadman_active"], Json::array({"hermes"}));
  EXPECT_EQ(result["happened"], Json::array({"hermes has given no sign of life for 10m"}));
}

TEST_F(Switch, TheForgeIsAskedLastSoThatItHoldsUpNoRestart) {
  deadman_.add_work("ada", {"org/app"}, "ada");
  deadman_.add("hermes");
  deadman_.watches["hermes"]["handed_off"] = true;
  deadman_.happens("hermes", "handed_off", "hands off");
  pass();
  EXPECT_THAT(looked(), ElementsAre("hermes", "ada"));
  EXPECT_EQ(world_.calls.at(1), "process/1.look");
  EXPECT_EQ(world_.calls.back(), "state/1.list");
}

TEST_F(Switch, WhatFailsForOneKeepsNoOtherFromItsTurn) {
  deadman_.add("ada");
  deadman_.add("hermes");
  world_.on("process/1.look", [this](const Json& params) -> Json {
    if (params.at("name") == "ada") throw timmy::Permanent("denied", "ada can't be looked at");
    return deadman_.answer("look", params);
  });
  const auto outcome = run();
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_THAT(outcome.message, HasSubstr("ada can't be looked at"));
  EXPECT_THAT(looked(), ElementsAre("hermes"));
}

TEST_F(Switch, AOneShotThatIsAtWorkIsNoFailure) {
  deadman_.add("hermes");
  world_.fail("process/1.look", timmy::Retryable("unavailable", "another deadman is at work"));
  EXPECT_EQ(pass()["skipped"], Json::array({"hermes"}));
}

TEST_F(Switch, WhatAOneShotWasAtWorkAtIsLookedAtAgainAtTheEnd) {
  deadman_.add("hermes");
  deadman_.add_work("ada", {"org/app"}, "ada");
  deadman_.watches["hermes"]["deadman_active"] = true;
  int looks = 0;
  world_.on("process/1.look", [&](const Json& params) -> Json {
    if (++looks == 1) throw timmy::Retryable("unavailable", "another deadman is at work");
    return deadman_.answer("look", params);
  });
  const auto result = pass();
  EXPECT_THAT(looked(), ElementsAre("ada", "hermes"));
  EXPECT_THAT(result["skipped"], IsEmpty());
  EXPECT_EQ(result["deadman_active"], Json::array({"hermes"}));
}

TEST_F(Switch, ARestartThatIsNotGrantedIsLoggedWithTheLineThatGrantsIt) {
  deadman_.add("hermes");
  deadman_.watches["hermes"]["withheld"] = "add process.restart: [\"hermes\"]";
  pass();
  EXPECT_THAT(world_.log, IsEmpty()) << "while it lives that is nobody's worry";
  deadman_.happens("hermes", "died", "died");
  pass();
  EXPECT_EQ(world_.log_text(), "warn add process.restart: [\"hermes\"]\n");
}

TEST_F(Switch, BeingCancelledEndsIt) {
  deadman_.add("hermes");
  world_.cancel_at_call(2);
  EXPECT_EQ(run().status, TIMMY_CANCELLED);
}

}  // namespace
}  // namespace deadman
