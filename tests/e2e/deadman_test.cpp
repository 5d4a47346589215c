// SPDX-License-Identifier: Apache-2.0
//
// The deadman as an operator meets it: a real host with its plugin, real agents that die, hang and
// do nothing, `timmy-host deadman --once` beside it. Only systemd is stood in for, by a program
// that writes down what it is asked (TIMMY_TEST_SYSTEMD, faults/interposer.c).
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "deadman/state.hpp"
#include "faults/fault_bench.hpp"
#include "forge/sample.hpp"

namespace host::faults {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Writes its stamp anew, twenty times a second, until it is ended.
class Agent {
 public:
  explicit Agent(const std::string& stamp)
      : child_(spawn(e2e::with_us(
            {.program = "/bin/sh",
             .arguments = {"sh", "-c",
                           "while :; do n=$((n+1)); echo $n > \"$0.new\"; mv \"$0.new\" \"$0\"; "
                           "sleep 0.05; done",
                           stamp},
             .environment = {{"PATH", "/usr/bin:/bin"}}}))) {}
  void signal(int number) const { child_.signal_group(number); }

 private:
  Child child_;
};

class DeadmanProcessTest : public FaultBench {
 protected:
  DeadmanProcessTest() {
    std::filesystem::create_directory(folder_ / "stamps");
    ::chmod((folder_ / "stamps").c_str(), 0755);
    stand_in("");
    grant({{"process.watch", {"*"}}, {"process.restart", {"*"}}});
    watch_hermes();
  }

  // For systemd: what it is asked to do is written down, then `more` is done; it shows nothing.
  void stand_in(const std::string& more) {
    write_atomically(systemd(),
                     "#!/bin/sh\ncase \" $* \" in *' show '*) exit 1 ;; esac\necho \"$*\" >> '" +
                         (folder_ / "asked").string() + "'\n" + more,
                     0755);
  }
  void grant(const Json& more) {
    Json grants{{"gitea.read", {"demo/*"}}, {"gitea.write", {"demo/*"}}};
    grants.update(more);
    write_config({{"defaults",
                   {{"plugins",
                     {{"deadman",
                       {{"enabled", true},
                        {"schedule", {{"deadman_switch", "never"}}},
                        {"grants", grants},
                        {"config", {{"alert", {{"repository", forge::kSampleRepo}}}}}}}}}}}});
  }
  void configure(const std::string& watches) {
    write_atomically(paths_.timmy_home / "deadman.yaml", "watch:\n" + watches, 0600);
  }
  // `more`: further keys.
  void watch_hermes(const std::string& more = ", pause: 1ms") {
    configure("  hermes: { stamp: " + stamp() +
              ", after: 1s, healthy_after: 300ms, restart: { unit: hermes.service }" + more +
              " }\n");
  }
  [[nodiscard]] std::string stamp() const { return (folder_ / "stamps" / "hermes").string(); }
  [[nodiscard]] std::string systemd() const { return (folder_ / "systemd").string(); }

  [[nodiscard]] std::map<std::string, std::string> standing_in() const {
    return {{"LD_PRELOAD", TIMMY_INTERPOSER},
            {"ASAN_OPTIONS", "verify_asan_link_order=0"},
            {"TIMMY_TEST_SYSTEMD", systemd()}};
  }
  void start_host(const std::map<std::string, std::string>& more = {}) {
    auto environment = standing_in();
    environment.insert(more.begin(), more.end());
    start(std::move(environment));
  }

  // `timmy-host deadman ARGUMENTS` as a process.
  [[nodiscard]] Child start_command(const std::vector<std::string>& arguments) const {
    SpawnRequest request{.program = bin_ / "timmy-host", .arguments = {"timmy-host", "deadman"}};
    request.arguments.insert(request.arguments.end(), arguments.begin(), arguments.end());
    request.environment = standing_in();
    request.environment.insert({{"HOME", paths_.home.string()},
                                {"TIMMY_HOME", paths_.timmy_home.string()},
                                {"HERMES_HOME", paths_.hermes_home.string()}});
    return spawn(e2e::with_us(std::move(request)));
  }
  static int status_of(Child& command) {
    pollfd ended{command.pidfd(), POLLIN, 0};
    ::poll(&ended, 1, 60'000);
    const auto exit = command.reap();
    return exit && !exit->signalled ? exit->number : -1;
  }
  int command(const std::vector<std::string>& arguments) const {
    auto child = start_command(arguments);
    return status_of(child);
  }

  // One run of the plugin.
  Json look() {
    const Json job = wait_for(enqueue("deadman_switch"));
    EXPECT_EQ(job["state"], "completed") << job.dump(2);
    return job["result"];
  }
  // How the watch stands, as `status` says it.
  [[nodiscard]] Json standing(const std::string& name = "hermes") const {
    const Json status = client().get("/v1/status");
    for (const auto& each : status["deadman"]["watches"])
      if (each["name"] == name) return each;
    return {};
  }
  // Looks until it is so.
  bool look_until(const std::function<bool()>& met) {
    return eventually([&] {
      look();
      return met();
    });
  }
  bool look_until_alive(const std::string& name = "hermes") {
    return look_until([&] {
      return standing(name)["state"] == "alive" && standing(name)["deadman_active"] == false;
    });
  }

  // What systemd was asked to do, a line each.
  [[nodiscard]] std::vector<std::string> asked() const {
    std::ifstream file(folder_ / "asked");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  [[nodiscard]] deadman::State kept() const {
    return deadman::read_state(paths_.timmy_home / "deadman" / "state.json");
  }
  [[nodiscard]] int recorded(deadman::Event event) const {
    int times = 0;
    for (const auto& record : kept().records) times += record.event == event;
    return times;
  }
  // Each record is in the audit, once.
  void expect_all_audited() const {
    const auto state = kept();
    EXPECT_EQ(count("SELECT count(*) FROM audit WHERE who='deadman'"), state.last_record);
    for (const auto& record : state.records) {
      std::string text = record.text;
      for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2)
        text.insert(at, 1, '\'');
      EXPECT_GE(count("SELECT count(*) FROM audit WHERE what='deadman." +
                      std::string(deadman::name(record.event)) + "' AND target='" + record.target +
                      "' AND instr(result, '" + text + "') = 1"),
                1)
          << record.text;
    }
  }
  // Of the plugin's, in the order of their making: title and whether it is open.
  [[nodiscard]] std::vector<std::pair<std::string, bool>> issues() {
    std::vector<std::pair<std::string, bool>> found;
    forge_.with([&](forge::Forge& forge) {
      for (const auto& [number, issue] : forge.state.repo(forge::kSampleRepo)->issues)
        if (issue.title.starts_with("Deadman: ")) found.emplace_back(issue.title, !issue.closed);
    });
    return found;
  }
  // `login` comments on the first issue.
  void comment(const std::string& login) {
    forge_.with([&](forge::Forge& forge) {
      auto& issue = forge.state.repo(forge::kSampleRepo)->issues.at(1);
      const auto now = SystemClock().wall();
      issue.comments.push_back(
          {static_cast<std::int64_t>(90'000 + issue.comments.size()), login, "at work", now, now});
      issue.updated = now;
    });
  }
};

constexpr const char* kRestart = "--no-ask-password --no-block restart -- hermes.service";

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
                      {"schedule", {{"deadman_switch", "never"}}},
                      {"grants", {{"process.watch", {"*"}}, {"process.restart", {"*"}}}}}}}}}}});
  write_atomically(stamp(), "0", 0644);
  start_host();
  const auto dry = paths_.timmy_home / "deadman" / "dry-run.json";
  ASSERT_TRUE(look_until([&] { return deadman::read_state(dry).targets["hermes"].handed_off; }))
      << log();
  EXPECT_TRUE(asked().empty());
  EXPECT_FALSE(std::filesystem::exists(paths_.timmy_home / "deadman" / "state.json"));
  EXPECT_THAT(log(), HasSubstr("would be restarted"));
  EXPECT_EQ(count("SELECT count(*) FROM audit WHERE what='deadman.restarting'"), 3);
  stop();
  check_invariants();
}

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
  EXPECT_TRUE(kept().targets.at("hermes").intent) << "it was kept before it was done";
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
  EXPECT_EQ(kept().targets.at("host").silence.ever, true);
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
    return kept().targets.at("host").handed_off;
  }));
  EXPECT_EQ(asked().size(), 3u);
}

}  // namespace
}  // namespace host::faults
