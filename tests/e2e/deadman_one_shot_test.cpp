// SPDX-License-Identifier: Apache-2.0
//
// The deadman when the host is what dies, hangs or is away: `timmy-host deadman --once` beside it,
// and whoever comes next.
#include "e2e/deadman_bench.hpp"

namespace host::faults {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Each says where the host dies, and how many restarts are truly asked for in all.
struct DeathOfTheHost {
  const char* name;
  const char* point;
  std::size_t asked;
};

class DeadmanKilledTest : public DeadmanProcessTest,
                          public ::testing::WithParamInterface<DeathOfTheHost> {};

TEST_P(DeadmanKilledTest, WhoeverComesNextRestartsNothingTwiceAndGivesNothingUp) {
  write_atomically(stamp(), "0", 0644);
  start_host({{"TIMMY_FAILPOINT", std::string(GetParam().point) + "=kill"},
              {"TIMMY_FAILPOINT_LOG", folder_ / "reached"}});
  EXPECT_TRUE(eventually([&] {
    try {
      (void)client().post("/v1/jobs", {{"task", "deadman_switch"}, {"unique_key", "one"}});
      return false;
    } catch (const Error&) {
      return true;
    }
  })) << "it did not die";
  const auto exit = host().wait();
  EXPECT_TRUE(exit.signalled);
  host_.reset();
  EXPECT_THAT(read_file(folder_ / "reached", 1 << 16), HasSubstr(GetParam().point));
  EXPECT_TRUE(kept().targets.at("system:hermes.service").intent)
      << "it was kept before it was done";
  const auto before = asked().size();
  EXPECT_EQ(before, GetParam().asked - 2);

  start_host();
  ASSERT_TRUE(look_until([&] { return standing()["handed_off"] == true; })) << log();
  for (int i = 0; i < 10; ++i) look();
  EXPECT_EQ(asked().size(), GetParam().asked) << "the one that nobody knows of counts as done";
  EXPECT_EQ(recorded(deadman::Event::restart_unknown), 1);
  EXPECT_EQ(recorded(deadman::Event::restarting), 3);
  expect_all_audited();
  stop();
  check_invariants();
}

INSTANTIATE_TEST_SUITE_P(
    Deadman, DeadmanKilledTest,
    ::testing::Values(DeathOfTheHost{"before_the_restart", "deadman.before_restart", 2},
                      DeathOfTheHost{"after_the_restart", "deadman.after_restart", 3}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_F(DeadmanProcessTest, OneShotsAndTheHostAtOnceMakeOneRestart) {
  watch_hermes(", pause: 1h");
  write_atomically(stamp(), "0", 0644);
  start_host();
  ASSERT_TRUE(eventually([&] {
    std::vector<Child> others;
    for (int i = 0; i < 3; ++i) others.push_back(start_command({"--once"}));
    look();
    for (auto& each : others) {
      const int status = status_of(each);
      EXPECT_TRUE(status == 0 || status == 75) << status;
    }
    return !asked().empty();
  })) << log();
  for (int i = 0; i < 5; ++i) {
    auto other = start_command({"--once"});
    look();
    (void)status_of(other);
  }
  EXPECT_THAT(asked(), ElementsAre(kRestart));
  EXPECT_EQ(recorded(deadman::Event::restarting), 1);
  look();
  expect_all_audited();
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, WhatOneShotsRecordedWhileNoHostRanIsTakenOverOnce) {
  write_atomically(stamp(), "0", 0644);
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(command({"--once"}), 0);
    return !asked().empty();
  }));
  for (int life = 0; life < 2; ++life) {
    start_host();
    EXPECT_TRUE(eventually([&] {
      return count("SELECT count(*) FROM audit WHERE who='deadman'") == kept().last_record;
    })) << log();
    expect_all_audited();
    EXPECT_EQ(standing()["deadman_active"], true) << "status says so without a look";
    stop();
  }
  check_invariants();
}

// Each look at a host that hangs takes the ten seconds that it is given to answer.
TEST_F(DeadmanProcessTest, AHostThatHangsIsRestartedByTheOneShot) {
  configure(
      "  host: { host: true, after: 1s, pause: 1h, restart: { unit: timmy-host.service } }\n");
  start_host();
  EXPECT_EQ(command({"--once"}), 0);
  EXPECT_EQ(kept().targets.at("system:timmy-host.service").silence.ever, true);
  ::kill(host().pid(), SIGSTOP);
  for (int looks = 0; looks < 6 && asked().empty(); ++looks) EXPECT_EQ(command({"--once"}), 0);
  EXPECT_THAT(asked(), ElementsAre("--no-ask-password --no-block restart -- timmy-host.service"));
  ::kill(host().pid(), SIGCONT);
  EXPECT_EQ(command({"--once"}), 0);
  EXPECT_EQ(asked().size(), 1u);
  EXPECT_TRUE(eventually([&] {
    return count("SELECT count(*) FROM audit WHERE what='deadman.restarted'") == 1;
  })) << "the host that came back takes over what was recorded of it";
  stop();
  check_invariants();
}

TEST_F(DeadmanProcessTest, AHostThatIsKilledIsRestartedByTheOneShotAtMostThrice) {
  configure("  host: { host: true, after: 200ms, pause: 1ms, restart: { unit: t.service } }\n");
  start_host();
  EXPECT_EQ(command({"--once"}), 0);
  kill();
  for (int looks = 0; looks < 40; ++looks) EXPECT_EQ(command({"--once"}), 0);
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(command({"--once"}), 0);
    return kept().targets.at("system:t.service").handed_off;
  }));
  EXPECT_EQ(asked().size(), 3u);
}

}  // namespace
}  // namespace host::faults
