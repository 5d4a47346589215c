// SPDX-License-Identifier: Apache-2.0
//
// The deadman, typed, against the world in memory.
#include "any_task.hpp"

namespace {

using testing::ElementsAre;
using testing::SizeIs;
using timmy::Json;
using timmy::Sign;
using timmy::testing::Outcome;

class ProcessTest : public AnyTaskTest {
 protected:
  timmy::testing::Deadman& deadman_ = world_.deadman;
};

TEST_F(ProcessTest, TellsHowEachWatchStands) {
  Json& hermes = deadman_.add("hermes");
  hermes["deadman_active"] = true;
  hermes["tries"] = 2;
  hermes["withheld"] = "not granted";
  deadman_.add_work("ada", {"org/app"}, "ada");
  deadman_.happens("hermes", "died", "no sign");
  const Outcome outcome = run([](timmy::Context& ctx) -> Json {
    const auto watches = ctx.process().watches();
    EXPECT_EQ(watches.host, "allegro");
    EXPECT_FALSE(watches.dry_run);
    EXPECT_THAT(watches.all, SizeIs(2));
    const auto& ada = watches.all.at(0);
    EXPECT_EQ(ada.kind, "work");
    EXPECT_THAT(ada.repositories, ElementsAre("org/app"));
    EXPECT_EQ(ada.user, "ada");
    const auto& agent = watches.all.at(1);
    EXPECT_TRUE(agent.active);
    EXPECT_FALSE(agent.handed_off);
    EXPECT_EQ(agent.tries, 2);
    EXPECT_EQ(agent.withheld, "not granted");
    EXPECT_EQ(agent.history.at(0).event, "died");
    EXPECT_TRUE(agent.records.empty());
    return Json::object();
  });
  EXPECT_TRUE(outcome.ok()) << outcome.message;
}

TEST_F(ProcessTest, ALookTellsWhatItLedTo) {
  deadman_.add("hermes");
  deadman_.happens("hermes", "restarted", "systemd took the restart");
  (void)run([](timmy::Context& ctx) -> Json {
    EXPECT_EQ(ctx.process().look("hermes").records.at(0).text, "systemd took the restart");
    EXPECT_TRUE(ctx.process().look("hermes").records.empty());
    return Json::object();
  });
  EXPECT_THAT(deadman_.looks, SizeIs(2));
}

TEST_F(ProcessTest, ASignIsForWorkAlone) {
  deadman_.add("hermes");
  deadman_.add_work("ada", {"org/app"}, "ada");
  const Outcome outcome = run([](timmy::Context& ctx) -> Json {
    (void)ctx.process().look("ada", Sign::there("comment 7"));
    (void)ctx.process().look("ada", Sign::missing());
    (void)ctx.process().look("ada", Sign::untrusted("away"));
    EXPECT_THROW((void)ctx.process().look("ada"), timmy::Permanent);
    (void)ctx.process().look("hermes", Sign::there("forged"));
    return Json::object();
  });
  EXPECT_EQ(outcome.code, "usage");
  EXPECT_EQ(deadman_.looks.at(0).sign, (Json{{"kind", "there"}, {"mark", "comment 7"}}));
  EXPECT_EQ(deadman_.looks.at(1).sign["kind"], "missing");
  EXPECT_EQ(deadman_.looks.at(2).sign["mark"], "away");
}

TEST_F(ProcessTest, WithoutADeadmanYamlNothingIsFound) {
  deadman_.configured = false;
  const Outcome outcome = run([](timmy::Context& ctx) -> Json {
    return {{"n", ctx.process().watches().all.size()}};
  });
  EXPECT_EQ(outcome.code, "not_found");
}

}  // namespace
