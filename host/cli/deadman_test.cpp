// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/command_fixture.hpp"
#include "cli/deadman_look.hpp"
#include "cli/fake_host.hpp"
#include "deadman/state.hpp"

namespace host::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// The machine's own clock can't be moved here: what is kept is made older instead.
class DeadmanCommandTest : public CommandTest {
 protected:
  DeadmanCommandTest() {
    std::filesystem::create_directory(folder_ / "stamps");
    ::chmod((folder_ / "stamps").c_str(), 0755);
    beat("first");
    alert_with("/bin/true");
  }
  void alert_with(const std::string& program) {
    configure("alert: [" + program + "]\nwatch:\n  hermes: { stamp: " + stamp() +
              ", after: 10m }\n");
  }
  void configure(const std::string& yaml) {
    write_atomically(folder_ / "deadman.yaml", yaml, 0600);
  }
  void beat(const std::string& text) { write_atomically(stamp(), text, 0644); }
  [[nodiscard]] std::string stamp() const { return (folder_ / "stamps" / "hermes.stamp").string(); }
  [[nodiscard]] std::filesystem::path state_file() const {
    return folder_ / "deadman" / "state.json";
  }
  // As after a long silence, the last look just now.
  void age() {
    auto state = deadman::read_state(state_file());
    state.targets.at("hermes").silence.silent = std::chrono::minutes(10);
    deadman::StateFile(state_file()).save(state);
  }
};

TEST_F(DeadmanCommandTest, AQuietLookPrintsNothingAndIsKept) {
  EXPECT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  EXPECT_EQ(out_.str() + err_.str(), "");
  EXPECT_EQ(run({"deadman", "status"}), 0);
  EXPECT_THAT(out_.str(), ContainsRegex("hermes +alive +0s +10m +0/3 +- +- +[0-9]+s ago"));
}

TEST_F(DeadmanCommandTest, ThatNobodyLooksIsSeen) {
  if (SystemClock().monotonic().time_since_epoch() < std::chrono::minutes(6))
    GTEST_SKIP() << "this machine has just been started";
  EXPECT_EQ(run({"deadman", "--once"}), 0);
  {
    auto state = deadman::read_state(state_file());
    state.targets.at("hermes").silence.looked.at = {};
    deadman::StateFile(state_file()).save(state);
  }
  EXPECT_EQ(run({"deadman", "status"}), 1);
  EXPECT_THAT(out_.str(), AllOf(ContainsRegex("hermes +unlooked"),
                                HasSubstr("nobody has looked for"), HasSubstr("deadman --once")));
  EXPECT_EQ(run({"deadman", "status", "--json"}), 1);
  EXPECT_GT(Json::parse(out_.str())["watches"][0]["last_look_seconds"], 300);
  EXPECT_EQ(run({"deadman", "--once"}), 0);
  EXPECT_EQ(run({"deadman", "status"}), 0);
}

// By a lock of the other sort, since a process's own never stand in its way.
bool is_locked(const Fd& lock) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return ::fcntl(lock.get(), F_OFD_GETLK, &whole) != 0 || whole.l_type != F_UNLCK;
}

TEST_F(DeadmanCommandTest, NobodyWaitsForTheLockWhileAStampIsLookedAt) {
  EXPECT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  Session session{.out = out_, .err = err_, .paths = Paths::from(Environment::of_process())};
  int looks = 0;
  const auto open_lock = [this] {
    return Fd(::open((state_file().string() + ".lock").c_str(), O_RDWR | O_CLOEXEC));
  };
  const auto look = [&](const auto&, const auto&) {
    const Fd lock = open_lock();  // a look has none of the process's own
    EXPECT_TRUE(lock);
    EXPECT_FALSE(is_locked(lock));
    ++looks;
    return deadman::Sign{deadman::Sign::Kind::there, "m"};
  };
  const auto settings =
      deadman::load_settings(deadman::settings_path(session.paths), session.paths);
  (void)act(session, settings, deadman::StampLooker(std::chrono::hours(1), look));
  EXPECT_EQ(looks, 1);
  const deadman::StateFile held(state_file());
  EXPECT_TRUE(is_locked(open_lock())) << "this shows nothing";
}

TEST_F(DeadmanCommandTest, WhatAnotherDeadmanJudgedWhileItLookedIsNotTakenBack) {
  EXPECT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  Session session{.out = out_, .err = err_, .paths = Paths::from(Environment::of_process())};
  int looks = 0;
  const auto look = [&](const auto&, const auto&) {
    if (++looks > 1) return deadman::Sign{deadman::Sign::Kind::there, "newer"};
    auto state = deadman::read_state(state_file());
    (void)state.targets.at("hermes").silence.look({deadman::Sign::Kind::there, "newer"}, now(),
                                                  std::chrono::minutes(10));
    deadman::StateFile(state_file()).save(state);
    return deadman::Sign{deadman::Sign::Kind::there, "older"};
  };
  const auto settings =
      deadman::load_settings(deadman::settings_path(session.paths), session.paths);
  (void)act(session, settings, deadman::StampLooker(std::chrono::hours(1), look));
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(deadman::read_state(state_file()).targets.at("hermes").silence.mark, "newer")
      << "an older sign was taken for life";
}

TEST_F(DeadmanCommandTest, WhatWasSeenOfOneIsKeptBeforeTheNextIsLookedAt) {
  // The alert of "b" is run between the looks, and shows what is kept by then.
  const auto copy = folder_ / "copy";
  write_atomically(folder_ / "alert",
                   "#!/bin/sh\ncp '" + state_file().string() + "' '" + copy.string() + "'\n", 0755);
  configure("alert: [" + (folder_ / "alert").string() + "]\nwatch: { a: { stamp: " + stamp() +
            " }, b: { stamp: " + stamp() + " } }\n");
  ASSERT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  auto before = deadman::read_state(state_file());
  before.targets.at("a").silence.looked.at -= std::chrono::seconds(1);
  before.targets.at("b").silence.silent = std::chrono::minutes(10);
  deadman::StateFile(state_file()).save(before);
  ASSERT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  const auto looked = [](const deadman::State& state, const char* name) {
    return state.targets.at(name).silence.looked.at;
  };
  const auto between = deadman::read_state(copy);
  EXPECT_GT(looked(between, "b"), looked(before, "b")) << "the last of the last look comes first";
  EXPECT_EQ(looked(between, "a"), looked(before, "a"));
  EXPECT_GT(looked(deadman::read_state(state_file()), "a"), looked(before, "a"));
}

TEST_F(DeadmanCommandTest, WithoutOnceItSaysWhatItIs) {
  EXPECT_EQ(run({"deadman"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("deadman --once"));
}

TEST_F(DeadmanCommandTest, ADeathIsSaidFlaggedAndInTheHistory) {
  run({"deadman", "--once"});
  age();
  EXPECT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("hermes has given no sign of life for 10m"));
  EXPECT_EQ(run({"deadman", "status"}), 1);
  EXPECT_THAT(out_.str(), ContainsRegex("hermes +silent .* up "));
  EXPECT_EQ(run({"deadman", "history", "hermes", "--json"}), 0);
  const Json history = Json::parse(out_.str())["history"];
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0]["event"], "died");
  EXPECT_EQ(history[0]["evidence"]["sign"], "there");
  EXPECT_EQ(run({"deadman", "history", "other"}), 0);
  EXPECT_THAT(out_.str(), Not(HasSubstr("died")));
}

TEST_F(DeadmanCommandTest, TheHistoryNeedsNoRightDeadmanYaml) {
  run({"deadman", "--once"});
  age();
  run({"deadman", "--once"});
  configure("watch: { hermes: { stmp: /s } }\n");
  EXPECT_EQ(run({"deadman", "history"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("died"));
  EXPECT_THAT(err_.str(), HasSubstr("stmp"));
  EXPECT_EQ(run({"deadman", "history", "--limit", "-1"}), 64);
  EXPECT_EQ(run({"deadman", "history", "--limit=-1"}), 64);
}

TEST_F(DeadmanCommandTest, APersonClears) {
  run({"deadman", "--once"});
  age();
  run({"deadman", "--once"});
  EXPECT_EQ(run({"deadman", "clear", "hermes"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("it has 10m"));
  EXPECT_EQ(run({"deadman", "status"}), 0);
  EXPECT_EQ(run({"deadman", "history"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("cleared by user " + std::to_string(::getuid())));
  EXPECT_EQ(run({"deadman", "clear", "other"}), 66);
  EXPECT_THAT(err_.str(), HasSubstr("hermes"));
  EXPECT_EQ(run({"deadman", "clear"}), 64);
}

TEST_F(DeadmanCommandTest, ADryRunSaysWhatWouldBeDoneAndKeepsNothing) {
  run({"deadman", "--once"});
  age();
  const auto before = read_file(state_file(), 1 << 20);
  EXPECT_EQ(run({"deadman", "--once", "--dry-run"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("hermes has given no sign of life"));
  EXPECT_EQ(read_file(state_file(), 1 << 20), before);
}

TEST_F(DeadmanCommandTest, AConfiguredDryRunHasAStateOfItsOwn) {
  configure("dry_run: true\nwatch: { hermes: { stamp: " + stamp() + " } }\n");
  EXPECT_EQ(run({"deadman", "--once"}), 0);
  EXPECT_FALSE(std::filesystem::exists(state_file()));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "deadman" / "dry-run.json"));
  EXPECT_EQ(run({"deadman", "status"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("dry run: nothing is restarted"));
}

TEST_F(DeadmanCommandTest, WhatADryRunOfTheHostKeptCanBeShown) {
  deadman::State state{.id = "s"};
  state.targets["hermes"].handed_off = true;
  state.add({.target = "hermes", .event = deadman::Event::restarting, .text = "would be"});
  deadman::StateFile(folder_ / "deadman" / "dry-run.json").save(state);
  EXPECT_EQ(run({"deadman", "status"}), 0);
  EXPECT_EQ(run({"deadman", "status", "--dry-run"}), 1);
  EXPECT_EQ(run({"deadman", "history", "--dry-run"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("would be"));
}

TEST_F(DeadmanCommandTest, WhatADryRunTookItsHandsOffIsClearedInTheDryRunAlone) {
  const auto dry = folder_ / "deadman" / "dry-run.json";
  deadman::State state{.id = "s"};
  state.targets["hermes"].handed_off = true;
  deadman::StateFile(dry).save(state);
  deadman::StateFile(state_file()).save(state);
  EXPECT_EQ(run({"deadman", "status", "--dry-run"}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("timmy-host deadman clear hermes --dry-run"));
  EXPECT_EQ(run({"deadman", "clear", "hermes", "--dry-run"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("hermes is cleared in the dry run"));
  EXPECT_FALSE(deadman::read_state(dry).targets.at("hermes").handed_off);
  EXPECT_TRUE(deadman::read_state(state_file()).targets.at("hermes").handed_off);
  EXPECT_EQ(run({"deadman", "clear", "hermes"}), 0) << err_.str();
  EXPECT_FALSE(deadman::read_state(state_file()).targets.at("hermes").handed_off);
}

TEST_F(DeadmanCommandTest, WhatOnlyARunningHostSeesIsLeftAlone) {
  configure("watch:\n  train: { task: train }\n  hermes: { stamp: " + stamp() + " }\n");
  EXPECT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  const auto state = deadman::read_state(state_file());
  EXPECT_TRUE(state.targets.contains("hermes"));
  EXPECT_FALSE(state.targets.contains("train"));
  EXPECT_EQ(run({"deadman", "status"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("train: looked at by a plugin of the running host"));
  EXPECT_EQ(run({"deadman", "test", "train"}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("looked at by a plugin of the running host"));
}

TEST_F(DeadmanCommandTest, WhatKeepsThePluginFromAWatchIsAShortcomingOfItsTest) {
  configure(
      "alert: [/bin/true]\nwatch: { train: { task: train, restart: { unit: t.service } } }\n");
  const auto shown = [&](const std::string& yaml) {
    write_config(yaml);
    EXPECT_EQ(run({"deadman", "test", "train"}), 1);
    return out_.str();
  };
  const std::string on = "defaults: { plugins: { deadman: { enabled: true, grants: ";
  EXPECT_THAT(shown("defaults: {}\n"), HasSubstr("set plugins.deadman.enabled to true"));
  EXPECT_THAT(shown(on + "{ process.restart: [other] } } } }\n"),
              AllOf(HasSubstr("process.watch: [train]"), HasSubstr("process.restart: [train]")));
  EXPECT_THAT(shown(on + "{ process.watch: ['*'], process.restart: [train] } } } }\n"),
              AllOf(Not(HasSubstr("process.watch")), Not(HasSubstr("process.restart")),
                    ContainsRegex("died .*/bin/true")));
  EXPECT_THAT(shown("defaults: [\n"), HasSubstr("can't be said"));
}

TEST_F(DeadmanCommandTest, ALaneThatThereIsNotIsAShortcomingAndAnErrorOfTheConfig) {
  configure("alert: [/bin/true]\nwatch: { hermes: { stamp: " + stamp() +
            ", dispatch: { from: code, to: nowhere } } }\n");
  std::filesystem::create_directory(folder_ / "playbooks");
  write_atomically(folder_ / "playbooks" / "agent-lanes.json",
                   R"({"lanes": {"code": {"agent": {"kind": "hermes"}}}})", 0600);
  write_config("defaults: {}\n");
  EXPECT_EQ(run({"deadman", "test", "hermes"}), 1);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("names lane nowhere"), Not(HasSubstr("lane code,"))));
  EXPECT_EQ(run({"--check-config"}), 78);
  EXPECT_THAT(out_.str(), ContainsRegex("deadman.yaml:2:[0-9]+: watch.hermes.dispatch.to names"));
}

TEST_F(DeadmanCommandTest, WhatIsCarriedOverIsSaidOnceAlsoWhereOnlyThePluginLooks) {
  configure("watch: { train: { task: train, restart: { unit: t.service } } }\n");
  {
    deadman::StateFile file(state_file());
    deadman::State state{.id = "s"};
    auto& train = state.targets["system:t.service"];
    train.watch = "train";
    train.active = true;
    file.save(state);
  }
  configure("watch: { train: { task: train } }\n");
  EXPECT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("train goes on as it was"));
  EXPECT_EQ(run({"deadman", "--once"}), 0);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(DeadmanCommandTest, TheListOfTasksShowsWhatNeedsAPerson) {
  run({"deadman", "--once"});
  age();
  run({"deadman", "--once"});
  EXPECT_EQ(run({"--list-tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("! deadman: hermes: deadman_active, silent"));
  EXPECT_EQ(run({"--list-tasks", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["deadman"]["deadman_active"], true);
}

TEST_F(DeadmanCommandTest, TheHostLivesWhileItAnswers) {
  configure("watch: { host: { host: true } }\n");
  run({"deadman", "--once"});
  run({"deadman", "status"});
  EXPECT_THAT(out_.str(), ContainsRegex("host +waiting"));
  {
    FakeHost host(Paths::from(Environment::of_process()));
    host.set("GET /v1/status", {{"version", "0"}});
    run({"deadman", "--once"});
    run({"deadman", "status", "--json"});
    EXPECT_EQ(Json::parse(out_.str())["watches"][0]["state"], "alive");
  }
  run({"deadman", "--once"});
  run({"deadman", "status", "--json"});
  EXPECT_EQ(Json::parse(out_.str())["watches"][0]["state"], "alive") << "not at the first silence";
}

TEST_F(DeadmanCommandTest, TheHostIsNamedAsHostYamlNamesIt) {
  Session session{.out = out_, .err = err_, .paths = Paths::from(Environment::of_process())};
  session.config = folder_ / "host.yaml";
  session.host_name = "allegro.example.org";
  write_atomically(session.config, "hosts: { allegro: {} }\n", 0600);
  EXPECT_EQ(named_host(session), "allegro");
  write_atomically(session.config, "hosts: [\n", 0600);
  EXPECT_EQ(named_host(session), "allegro.example.org") << "it does without";
  session.host_name.clear();
  EXPECT_NE(named_host(session), "");
  EXPECT_NE(named_host(session), "allegro");
}

TEST_F(DeadmanCommandTest, AnEditOfTheRestartLeavesTheFlagUp) {
  run({"deadman", "--once"});
  age();
  run({"deadman", "--once"});
  configure("watch: { hermes: { stamp: " + stamp() + ", restart: { unit: h.service } } }\n");
  EXPECT_EQ(run({"deadman", "status"}), 1);
  EXPECT_THAT(out_.str(), ContainsRegex("hermes +silent .* up ")) << "before the next look";
  EXPECT_EQ(run({"deadman", "clear", "hermes"}), 0) << err_.str();
  EXPECT_EQ(run({"deadman", "history", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["history"][1]["event"], "carried_over");
}

TEST_F(DeadmanCommandTest, ATestShowsADeathToItsEnd) {
  configure("watch: { hermes: { stamp: " + stamp() + ", restart: { unit: h.service } } }\n");
  EXPECT_EQ(run({"deadman", "test", "hermes"}), 1) << "there is no alert";
  EXPECT_THAT(out_.str(), AllOf(ContainsRegex("10m +died"),
                                HasSubstr("systemctl --no-ask-password --no-block restart -- "
                                          "h.service"),
                                HasSubstr("handed_off"), HasSubstr("nobody would be told")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "deadman")) << "it keeps nothing";
}

TEST_F(DeadmanCommandTest, WhatIsWrongHasItsStatus) {
  configure("watch: { hermes: { stmp: /s } }\n");
  EXPECT_EQ(run({"deadman", "--once"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("stamp"));
  ::chmod((folder_ / "deadman.yaml").c_str(), 0666);
  EXPECT_EQ(run({"deadman", "--once"}), 77);
  std::filesystem::remove(folder_ / "deadman.yaml");
  EXPECT_EQ(run({"deadman", "--once"}), 66);
  EXPECT_THAT(err_.str(), HasSubstr("docs/deadman.md"));
}

TEST_F(DeadmanCommandTest, WhatIsKeptAndCantBeReadIsToldOnceAnHour) {
  const auto told = (folder_ / "told").string();
  write_atomically(folder_ / "alert", "#!/bin/sh\ncat >> '" + told + "'\n", 0755);
  alert_with((folder_ / "alert").string());
  ASSERT_EQ(run({"deadman", "--once"}), 0) << err_.str();
  ::chmod(state_file().c_str(), 0666);
  EXPECT_EQ(run({"deadman", "--once", "--dry-run"}), 77);
  EXPECT_FALSE(std::filesystem::exists(told));
  EXPECT_EQ(run({"deadman", "--once"}), 77);
  EXPECT_EQ(run({"deadman", "--once"}), 77);
  const Json line = Json::parse(read_file(told, 10000));
  EXPECT_EQ(line["event"], "deadman_failed");
  EXPECT_THAT(line["text"].get<std::string>(), HasSubstr("state.json"));
}

TEST_F(DeadmanCommandTest, ThatNobodyCouldBeToldIsSaid) {
  alert_with("/bin/false");
  ASSERT_EQ(run({"deadman", "--once"}), 0);
  ::chmod(state_file().c_str(), 0666);
  EXPECT_EQ(run({"deadman", "--once"}), 77);
  EXPECT_THAT(err_.str(), HasSubstr("nobody could be told: status 1"));
}

TEST_F(DeadmanCommandTest, AStampFolderForEverybodyIsRefusedAloud) {
  ::chmod((folder_ / "stamps").c_str(), 0777);
  EXPECT_EQ(run({"deadman", "--once"}), 0);
  auto state = deadman::read_state(state_file());
  state.targets.at("hermes").troubled = std::chrono::minutes(10);
  deadman::StateFile(state_file()).save(state);
  EXPECT_EQ(run({"deadman", "--once"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("can be written by others"));
  EXPECT_EQ(run({"deadman", "status"}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("unwatchable"));
}

}  // namespace
}  // namespace host::cli
