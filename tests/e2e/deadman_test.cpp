// SPDX-License-Identifier: Apache-2.0
//
// The deadman as an operator meets it: agents that die, hang and do nothing, and what the plugin
// makes of them.
#include "e2e/deadman_bench.hpp"

namespace host::faults {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(DeadmanProcessTest, AnAgentThatDiesIsRestartedToldAndWellAgain) {
  start_host();
  auto agent = std::make_unique<Agent>(stamp());
  ASSERT_TRUE(look_until_alive()) << log();
  agent.reset();
  ASSERT_TRUE(look_until([&] { return !asked().empty(); })) << log();
  EXPECT_THAT(asked(), ElementsAre(kRestart));
  EXPECT_EQ(standing()["deadman_active"], true);
  EXPECT_THAT(to_text(client().get("/v1/status")["attention"]),
              HasSubstr("hermes: deadman_active"));
  ASSERT_EQ(issues().size(), 1u);
  EXPECT_TRUE(issues()[0].second);

  agent = std::make_unique<Agent>(stamp());  // as systemd would
  ASSERT_TRUE(look_until_alive()) << log();
  EXPECT_THAT(asked(), ElementsAre(kRestart)) << "one restart was enough";
  EXPECT_EQ(issues().size(), 1u);
  EXPECT_FALSE(issues()[0].second) << "closed by its health";
  EXPECT_EQ(recorded(deadman::Event::healthy), 1);
  expect_all_audited();
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, AnAgentThatHangsIsRestartedThriceAndThenLeftToAPerson) {
  start_host();
  const Agent agent(stamp());
  ASSERT_TRUE(look_until_alive()) << log();
  agent.signal(SIGSTOP);
  ASSERT_TRUE(look_until([&] { return standing()["handed_off"] == true; })) << log();
  for (int i = 0; i < 20; ++i) look();
  EXPECT_EQ(asked().size(), 3u);
  EXPECT_EQ(recorded(deadman::Event::handed_off), 1) << "said once";
  ASSERT_EQ(issues().size(), 1u);
  EXPECT_THAT(issues()[0].first, HasSubstr("hands off hermes"));
  EXPECT_THAT(to_text(client().get("/v1/tasks")["deadman"]["attention"]),
              HasSubstr("timmy-host deadman clear hermes"));

  agent.signal(SIGCONT);
  EXPECT_EQ(command({"clear", "hermes"}), 0);
  ASSERT_TRUE(look_until_alive()) << log();
  EXPECT_FALSE(issues()[0].second);
  EXPECT_EQ(asked().size(), 3u);
  expect_all_audited();
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, AnAgentThatIsStartedAndDiesAtOnceIsNotStartedForEver) {
  // Each start leaves one sign of life, and no more.
  stand_in("echo $$ > '" + stamp() + ".new'\nmv '" + stamp() + ".new' '" + stamp() + "'\n");
  write_atomically(stamp(), "0", 0644);
  start_host();
  ASSERT_TRUE(look_until([&] { return standing()["handed_off"] == true; })) << log();
  for (int i = 0; i < 20; ++i) look();
  EXPECT_EQ(asked().size(), 3u);
  EXPECT_EQ(standing()["tries"], 3);
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, AnAgentThatStampsAndDoesNothingIsDeadByItsWork) {
  configure("  hermes: { stamp: " + stamp() +
            ", after: 1m, restart: { unit: hermes.service } }\n"
            "  work: { work: { repositories: [" +
            std::string(forge::kSampleRepo) +
            "], user: ada }, after: 2s, pause: 1h, healthy_after: 100ms,"
            " restart: { command: [/bin/true] } }\n");
  start_host();
  const Agent agent(stamp());
  comment("ada");
  ASSERT_TRUE(look_until_alive("work")) << log();
  ASSERT_TRUE(look_until([&] { return !asked().empty(); })) << log();
  EXPECT_THAT(asked().at(0), HasSubstr("--unit=timmy-deadman-work"));
  EXPECT_THAT(asked().at(0), HasSubstr("-- /bin/true"));
  EXPECT_EQ(standing()["deadman_active"], false) << "its stamps go on";
  EXPECT_EQ(standing("work")["deadman_active"], true);
  ASSERT_TRUE(look_until([&] {
    comment("ada");
    return standing("work")["deadman_active"] == false;
  })) << log();
  EXPECT_EQ(asked().size(), 1u);
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, ATaskThatNoLongerCompletesIsFlagged) {
  configure("  echo: { task: echo, after: 1s, healthy_after: 100ms }\n");
  start_host();
  (void)wait_for(enqueue("echo"));
  ASSERT_TRUE(look_until_alive("echo")) << log();
  ASSERT_TRUE(look_until([&] {
    (void)wait_for(enqueue("echo_fail"));
    return standing("echo")["deadman_active"] == true;
  })) << log();
  ASSERT_TRUE(look_until([&] {
    (void)wait_for(enqueue("echo"));
    return standing("echo")["deadman_active"] == false;
  })) << log();
  EXPECT_TRUE(asked().empty());
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, WithoutTheGrantADeathIsToldAndNothingIsRestarted) {
  grant({{"process.watch", {"*"}}});
  write_atomically(stamp(), "0", 0644);
  start_host();
  ASSERT_TRUE(look_until([&] { return standing()["deadman_active"] == true; })) << log();
  for (int i = 0; i < 20; ++i) look();
  EXPECT_TRUE(asked().empty());
  EXPECT_THAT(log(), HasSubstr("process.restart: [\"hermes\"]"));
  EXPECT_EQ(issues().size(), 1u);
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, ADryRunJudgesAndTellsAndRestartsNothing) {
  write_config({{"defaults",
                 {{"plugins",
                   {{"deadman",
                     {{"enabled", true},
                      {"dry_run", true},
                      {"schedule", {{"deadman_switch", "never"}, {"deadman_forge", "never"}}},
                      {"grants", {{"process.watch", {"*"}}, {"process.restart", {"*"}}}}}}}}}}});
  write_atomically(stamp(), "0", 0644);
  start_host();
  const auto dry = paths_.timmy_home / "deadman" / "dry-run.json";
  ASSERT_TRUE(look_until([&] {
    return deadman::read_state(dry).targets["system:hermes.service"].handed_off;
  })) << log();
  EXPECT_TRUE(asked().empty());
  EXPECT_FALSE(std::filesystem::exists(paths_.timmy_home / "deadman" / "state.json"));
  EXPECT_THAT(log(), HasSubstr("would be restarted"));
  EXPECT_EQ(count("SELECT count(*) FROM audit WHERE what='deadman.restarting'"), 3);
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
