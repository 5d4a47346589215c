// SPDX-License-Identifier: Apache-2.0
#include "deadman/settings.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/test_folder.hpp"
#include "config/host_config.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Paths kPaths =
    Paths::from(Environment(std::map<std::string, std::string>{{"HOME", "/home/ada"}}));

Settings parse(const std::string& text) { return parse_settings(text, "deadman.yaml", kPaths); }

std::string refusal(const std::string& text) {
  try {
    (void)parse(text);
  } catch (const ConfigError& error) {
    return error.message();
  }
  ADD_FAILURE() << "taken: " << text;
  return {};
}

TEST(DeadmanSettings, AreRead) {
  const auto settings = parse(R"(
dry_run: true
alert: [/usr/local/bin/page, --from, deadman]
watch:
  host:
    host: true
    after: 5m
    restart: { unit: timmy-host.service }
  hermes:
    stamp: ~/.timmy/stamps/hermes.stamp
    user: hermes
    restart: { command: [/usr/bin/docker, restart, hermes], manager: user }
    max_retries: 2
    window: 2h
    pause: 1m
    healthy_after: 10m
)");
  EXPECT_TRUE(settings.dry_run);
  EXPECT_THAT(settings.alert, ElementsAre("/usr/local/bin/page", "--from", "deadman"));
  const Watch& hermes = settings.find("hermes");
  EXPECT_EQ(hermes.stamp, "/home/ada/.timmy/stamps/hermes.stamp");
  EXPECT_EQ(hermes.user, "hermes");
  EXPECT_EQ(hermes.rules.after, 10min);
  EXPECT_EQ(hermes.rules.max_retries, 2);
  EXPECT_EQ(hermes.rules.window, 2h);
  EXPECT_EQ(hermes.rules.pause, 1min);
  EXPECT_EQ(hermes.rules.healthy_after, 10min);
  EXPECT_EQ(hermes.restart->manager, Restart::Manager::user);
  EXPECT_THAT(hermes.restart->command, ElementsAre("/usr/bin/docker", "restart", "hermes"));
  const Watch& host = settings.find("host");
  EXPECT_TRUE(host.stamp.empty());
  EXPECT_EQ(host.rules.after, 5min);
  EXPECT_EQ(host.restart->unit, "timmy-host.service");
  EXPECT_EQ(host.rules.max_retries, 3);
  EXPECT_THROW((void)settings.find("other"), Error);
}

TEST(DeadmanSettings, TheExampleOfTheDocumentIsRight) {
  std::ifstream document(DEADMAN_DOCUMENT);
  std::string yaml;
  for (std::string line; std::getline(document, line);)
    if (line == "    dry_run: false" || (!yaml.empty() && line.starts_with("    ")))
      yaml += line + "\n";
    else if (!yaml.empty())
      break;
  EXPECT_EQ(parse(yaml).watches.size(), 2u) << yaml;
}

TEST(DeadmanSettings, ADeadAgentsWorkMayGoToAnotherLane) {
  const auto settings = parse(R"(
watch:
  a: { stamp: /s/a, dispatch: { from: code, to: spare } }
  b: { stamp: /s/b, dispatch: { from: spare, to: last } }
  c: { stamp: /s/c }
)");
  ASSERT_TRUE(settings.find("a").dispatch);
  EXPECT_EQ(settings.find("a").dispatch->from, "code");
  EXPECT_EQ(settings.find("a").dispatch->to, "spare");
  EXPECT_FALSE(settings.find("c").dispatch);
}

TEST(DeadmanSettings, WorkThatWouldGoRoundIsRefused) {
  EXPECT_THAT(refusal("watch: { a: { stamp: /s/a, dispatch: { from: x, to: x } } }"),
              HasSubstr("watch.a.dispatch.to leads back to lane x"));
  EXPECT_THAT(refusal("watch:\n  a: { stamp: /s/a, dispatch: { from: x, to: y } }\n"
                      "  b: { stamp: /s/b, dispatch: { from: y, to: z } }\n"
                      "  c: { stamp: /s/c, dispatch: { from: z, to: x } }\n"),
              HasSubstr("leads back to lane x"));
  EXPECT_THAT(refusal("watch:\n  a: { stamp: /s/a, dispatch: { from: x, to: y } }\n"
                      "  b: { stamp: /s/b, dispatch: { from: x, to: z } }\n"),
              HasSubstr("watch.b.dispatch.from is lane x, whose work watch.a hands over"));
}

TEST(DeadmanSettings, AHostThatIsDeadHandsNothingOver) {
  EXPECT_THAT(refusal("watch: { a: { host: true, dispatch: { from: x, to: y } } }"),
              HasSubstr("is done by the host"));
  EXPECT_THAT(refusal("watch: { a: { stamp: /s/a, dispatch: { from: x } } }"), HasSubstr("to"));
  EXPECT_THAT(refusal("watch: { a: { stamp: /s/a, dispatch: { from: X, to: y } } }"),
              HasSubstr("\"X\""));
}

TEST(DeadmanSettings, TasksAndWorkAreForARunningHost) {
  const auto settings = parse(R"(
watch:
  a: { stamp: /s/a }
  b: { task: train }
  c: { work: { repositories: [org/app, org/lib], user: hermes } }
  d: { host: true }
)");
  EXPECT_EQ(settings.find("b").task, "train");
  EXPECT_THAT(settings.find("c").work.repositories, ElementsAre("org/app", "org/lib"));
  EXPECT_EQ(settings.find("c").work.user, "hermes");
  EXPECT_EQ(watched(settings.find("c")), "work of hermes in org/app, org/lib");
  const auto outside = seen_from_outside(settings).watches;
  ASSERT_EQ(outside.size(), 2u);
  EXPECT_EQ(outside[0].name + outside[1].name, "ad");
  EXPECT_FALSE(seen_from_inside(settings.find("d")));
  EXPECT_EQ(looked_at_by(settings.find("b")), "a plugin of the running host");
}

TEST(DeadmanSettings, WithoutARestartNothingIsRestarted) {
  const auto settings = parse("watch: { a: { stamp: /s/a } }");
  EXPECT_FALSE(settings.find("a").restart);
  EXPECT_FALSE(settings.find("a").rules.restarts);
  EXPECT_TRUE(settings.alert.empty());
  EXPECT_FALSE(settings.dry_run);
}

TEST(DeadmanSettings, EachMistakeIsSaidWithItsPlace) {
  struct Case {
    const char* text;
    const char* said;
  };
  for (const auto& [text, said] : {
           Case{"watch: { a: { stamp: /s, afer: 1m } }", "deadman.yaml:1:26: watch.a"},
           {"watch: { a: { stamp: /s, afer: 1m } }", "after"},
           {"", "names nothing to watch"},
           {"watch: {}", "names nothing to watch"},
           {"watch: { A: { stamp: /s } }", "is no name"},
           {"watch: { ../a: { stamp: /s } }", "is no name"},
           {"watch: { a: {} }", "one of `stamp`, `host: true`, `task`, `work`"},
           {"watch: { a: { host: true, stamp: /s } }", "to watch one thing"},
           {"watch: { a: { task: x, stamp: /s } }", "to watch one thing"},
           {"watch: { a: { task: x, user: y } }", "goes with a stamp"},
           {"watch: { a: { work: { user: y } } }", "watch.a.work"},
           {"watch: { a: { work: { repositories: [], user: y } } }", "watch.a.work.repositories"},
           {"watch: { a: { work: { repositories: [app], user: y } } }",
            "watch.a.work.repositories"},
           {"watch: { a: { host: true }, b: { host: true } }", "watched twice"},
           {"watch: { a: { host: true, user: x } }", "goes with a stamp"},
           {"watch: { a: { stamp: s } }", "watch.a.stamp"},
           {"watch: { a: { stamp: /s/ } }", "names a folder"},
           {"watch: { a: { stamp: /s, after: 10 } }", "watch.a.after"},
           {"watch: { a: { stamp: /s, after: 0s } }", "is not a duration"},
           {"watch: { a: { stamp: /s, after: 8d } }", "is longer than 7d"},
           {"watch: { a: { stamp: /s, max_retries: 0 } }", "watch.a.max_retries"},
           {"watch: { a: { stamp: /s, max_retries: 11 } }", "watch.a.max_retries"},
           {"watch: { a: { stamp: /s, restart: {} } }", "either `unit` or `command`"},
           {"watch: { a: { stamp: /s, restart: { unit: a.service, command: [/x] } } }",
            "either `unit` or `command`"},
           {"watch: { a: { stamp: /s, restart: { unit: \"*.service\" } } }", "name of one service"},
           {"watch: { a: { stamp: /s, restart: { unit: reboot.target } } }", "name of one service"},
           {"watch: { a: { stamp: /s, restart: { command: [sh, -c, x] } } }", "absolute path"},
           {"watch: { a: { stamp: /s, restart: { command: \"reboot now\" } } }",
            "watch.a.restart.command"},
           {"watch: { a: { stamp: /s, restart: { verb: stop, unit: a.service } } }", "verb"},
           {"watch: { a: { stamp: /s, restart: { unit: x.service } }, "
            "b: { task: t, restart: { unit: x.service } } }",
            "watch.b.restart restarts what watch.a restarts"},
           {"watch: { a: { stamp: /s, restart: { command: [/x, y] } }, "
            "b: { task: t, restart: { command: [/x, y] } } }",
            "watch.b.restart restarts what watch.a restarts"},
           {"alert: []", "alert"},
           {"alert: [page]", "absolute path"},
           {"watch: [", "deadman.yaml:1:"},
       })
    EXPECT_THAT(refusal(text), HasSubstr(said)) << text;
}

TEST(DeadmanSettings, ThePauseIsAsLongAsADeathTakes) {
  EXPECT_EQ(parse("watch: { a: { stamp: /s/a, after: 3m } }").find("a").rules.pause, 3min);
}

TEST(DeadmanSettings, WhatIsCountedHangsOnWhatIsRestarted) {
  const auto subject_of = [](const std::string& watch) {
    return subject(parse("watch: { " + watch + " }").watches.at(0));
  };
  const auto unit = subject_of("a: { stamp: /s/a, restart: { unit: x.service } }");
  EXPECT_EQ(subject_of("renamed: { task: t, restart: { unit: x.service } }"), unit);
  EXPECT_NE(subject_of("a: { stamp: /s/a, restart: { unit: y.service } }"), unit);
  EXPECT_NE(subject_of("a: { stamp: /s/a, restart: { unit: x.service, manager: user } }"), unit);
  const auto command = subject_of("a: { stamp: /s/a, restart: { command: [/x, y, z] } }");
  EXPECT_EQ(subject_of("b: { stamp: /s/b, restart: { command: [/x, y, z] } }"), command);
  EXPECT_NE(subject_of("b: { stamp: /s/b, restart: { command: [/x, \"y z\"] } }"), command);
  EXPECT_EQ(subject_of("a: { stamp: /s/a }"), "a");
}

TEST(DeadmanSettings, WhatIsKeptIsBounded) {
  std::string many = "watch:\n";
  for (int i = 0; i < 101; ++i) many += "  w" + std::to_string(i) + ": { stamp: /s }\n";
  EXPECT_THAT(refusal(many), HasSubstr("more than 100 watches"));
  std::string command = "watch: { a: { stamp: /s, restart: { command: [/x";
  for (int i = 0; i < 5; ++i) command += ", " + std::string(4000, 'y');
  EXPECT_THAT(refusal(command + "] } } }"), HasSubstr("longer than 16384 bytes"));
}

TEST(DeadmanSettings, AFileThatOthersCanWriteIsRefused) {
  const TestFolder folder;
  const auto file = folder / "deadman.yaml";
  std::ofstream(file) << "watch: { a: { stamp: /s/a } }\n";
  ::chmod(file.c_str(), 0644);
  EXPECT_EQ(load_settings(file, kPaths).watches.size(), 1u);
  ::chmod(file.c_str(), 0666);
  try {
    (void)load_settings(file, kPaths);
    FAIL() << "it says what is run";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::denied);
  }
}

TEST(DeadmanSettings, WithoutAFileItIsSaidHowToHaveOne) {
  const TestFolder folder;
  try {
    (void)load_settings(folder / "deadman.yaml", kPaths);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::not_found);
    EXPECT_THAT(error.next_step(), HasSubstr("docs/deadman.md"));
  }
}

}  // namespace
}  // namespace host::deadman
