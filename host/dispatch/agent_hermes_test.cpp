// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_hermes.hpp"

#include "base/error.hpp"
#include "dispatch/agent_fixture.hpp"
#include "dispatch/agent_hermes_version.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Key;
using ::testing::Not;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::StartsWith;

class HermesAgents : public AgentTest {
 protected:
  HermesAgents() { program(hermes_home() / "hermes-agent" / "venv" / "bin" / "hermes"); }

  [[nodiscard]] std::unique_ptr<Agent> agent(
      const Answers& answers, const AgentSettings& settings = hermes_settings()) const {
    return make_agent(settings, places(), answering(answers));
  }
  [[nodiscard]] std::unique_ptr<Agent> oldest() const { return agent(answers_of("0.6.0")); }
  [[nodiscard]] std::unique_ptr<Agent> middle() const { return agent(answers_of("0.19.0")); }
  [[nodiscard]] std::unique_ptr<Agent> newest() const {
    return agent(answers_of("main", "Hermes Agent v0.21.3 (2026.11.1)"));
  }
  [[nodiscard]] std::string refusal(const Answers& answers) const {
    try {
      (void)agent(answers);
    } catch (const Error& error) {
      return std::string(name(error.code())) + ": " + error.message();
    }
    return "taken";
  }
  [[nodiscard]] static std::string config_of(const AgentLaunch& launch) {
    for (const auto& file : launch.files)
      if (file.path.filename() == "config.yaml") return file.content;
    return {};
  }
};

TEST(HermesVersions, AreFoundInWhateverStandsAroundThem) {
  const auto version_of = [](const std::string& version) {
    return to_string(hermes_version_in(RecordedHermes(version).output("--version")).value());
  };
  for (const auto* version : {"0.6.0", "0.9.0", "0.12.0", "0.13.0", "0.17.0", "0.18.2", "0.19.0"})
    EXPECT_EQ(version_of(version), version);
  EXPECT_THAT(hermes_version_in("warning: no config\nhermes-agent 0.19.2"),
              Optional(HermesVersion{0, 19, 2}));
  EXPECT_THAT(hermes_version_in("Hermes Agent v1.0"), Optional(HermesVersion{1, 0, 0}));
  EXPECT_EQ(hermes_version_in("Python 3.11.7"), std::nullopt);
  EXPECT_EQ(hermes_version_in(""), std::nullopt);
}

TEST(HermesVersions, AreDrivenByWhatTheirHelpSays) {
  const auto way_of = [](const std::string& version) {
    const RecordedHermes hermes(version);
    return hermes_way(hermes.output("--help"), hermes.output("chat --help"));
  };
  for (const auto* version : {"0.6.0", "0.9.0", "0.12.0", "0.13.0", "0.17.0"})
    EXPECT_EQ(way_of(version), HermesWay::quiet) << version;
  for (const auto* version : {"0.18.2", "0.19.0"})
    EXPECT_EQ(way_of(version), HermesWay::oneshot) << version;
  EXPECT_EQ(way_of("main"), HermesWay::stream);
  // A flag that only begins like one.
  EXPECT_EQ(hermes_way("--oneshot --usage-file-format", "--format-x --query-file"),
            HermesWay::quiet);
}

TEST_F(HermesAgents, OfTheOldestVersionGetAQuietQuery) {
  const auto launch = oldest()->launch(task("-- Fix \"it\".\nNow."));
  EXPECT_THAT(launch.arguments,
              ElementsAre(EndsWith("venv/bin/hermes"), "chat", "--quiet", "--yolo", "--source",
                          "timmy:12.1", "--query=-- Fix \"it\".\nNow."));
  EXPECT_EQ(oldest()->description(), "hermes 0.6.0");
}

TEST_F(HermesAgents, WithUsageFilesGetAOneshot) {
  const auto launch = middle()->launch(task());
  EXPECT_THAT(
      launch.arguments,
      ElementsAre(_, "--usage-file=" + (scratch() / "usage.json").string(), "--oneshot=Fix it."));
  EXPECT_THAT(launch.kept, Contains(scratch() / "usage.json"));
}

TEST_F(HermesAgents, OfTheNewestGetAFileAndGiveAStream) {
  const auto launch = newest()->launch(task());
  EXPECT_THAT(launch.arguments,
              ElementsAre(_, "chat", "--query-file=" + (scratch() / "prompt.md").string(),
                          "--format", "stream-json", "--yolo", "--source", "timmy:12.1"));
  EXPECT_EQ(launch.input, "");
}

TEST_F(HermesAgents, NeverGetAModelAsAnArgument) {
  // It would choose a provider by the model's name, and leave the meter aside.
  for (const auto& made : {oldest(), middle(), newest()})
    for (const auto& argument : made->launch(task()).arguments)
      EXPECT_THAT(argument, Not(AnyOf("-m", "--provider", HasSubstr("small-1"))));
}

TEST_F(HermesAgents, ReadAPromptThatIsTooLongForAnArgumentFromAFile) {
  const std::string prompt(200'000, 'x');
  for (const auto& made : {oldest(), middle()}) {
    const auto launch = made->launch(task(prompt));
    EXPECT_LT(launch.arguments.back().size(), 1000U);
    EXPECT_THAT(launch.arguments.back(), HasSubstr((scratch() / "prompt.md").string()));
    EXPECT_EQ(launch.files.back().content, prompt);
  }
}

TEST_F(HermesAgents, HaveAHomeOfTheirOwnWithoutTheOperatorsKeys) {
  write(hermes_home() / ".env", "OPENROUTER_API_KEY=canary");
  write(hermes_home() / "auth.json", "{}");
  write(hermes_home() / "memories" / "USER.md", "Ada's phone number");
  write(hermes_home() / "SOUL.md", "Be kind.");
  const auto launch = oldest()->launch(task());
  const auto own = scratch() / "hermes";
  EXPECT_THAT(launch.environment, Contains(Pair("HERMES_HOME", own.string())));
  EXPECT_THAT(config_of(launch), HasSubstr("http://127.0.0.1:7999/v1"));
  std::vector<fs::path> copied;
  for (const auto& copy : launch.copies) copied.push_back(copy.from);
  EXPECT_THAT(copied, ElementsAre(hermes_home() / "skills", hermes_home() / "SOUL.md"));
  EXPECT_THAT(launch.readable, Not(Contains(hermes_home())));
  EXPECT_THAT(launch.readable, Not(Contains(home())));
  EXPECT_THAT(launch.kept, IsSupersetOf({own / "state.db", own / "state.db-wal"}));
}

TEST_F(HermesAgents, ReadTheirPythonAndNoMore) {
  const auto environment = hermes_home() / "hermes-agent" / "venv";
  write(folder_ / "python" / "bin" / "python3.11", "");
  fs::create_symlink(folder_ / "python" / "bin" / "python3.11", environment / "bin" / "python3");
  write(environment / "pyvenv.cfg",
        "home = " + (folder_ / "python" / "bin").string() + "\nversion = 3.11.7\n");
  EXPECT_THAT(hermes_files(environment / "bin" / "hermes", places()),
              IsSupersetOf({environment, folder_ / "python", hermes_home() / "hermes-agent"}));
  // One that says that its Python is the home folder gets none.
  write(environment / "pyvenv.cfg", "home = " + (home() / "bin").string() + "\n");
  EXPECT_THAT(hermes_files(environment / "bin" / "hermes", places()), Not(Contains(home())));
}

TEST_F(HermesAgents, TakeToolsetsAndArgumentsOfTheLane) {
  auto settings = hermes_settings();
  settings.toolsets = {"terminal", "file"};
  settings.arguments = {"--max-turns", "30"};
  const auto launch = agent(answers_of("0.6.0"), settings)->launch(task());
  EXPECT_THAT(launch.arguments, Contains("--toolsets=terminal,file"));
  EXPECT_THAT(launch.arguments, IsSupersetOf({"--max-turns", "30"}));
}

TEST_F(HermesAgents, WithoutAModelSayWhereToNameOne) {
  auto settings = hermes_settings();
  settings.model.clear();
  const auto made = agent(answers_of("0.6.0"), settings);
  EXPECT_THROW((void)made->launch(task()), Error);
  write(hermes_home() / "config.yaml", "model: big-1\n");
  EXPECT_THAT(config_of(made->launch(task())), HasSubstr("\"default\": \"big-1\""));
}

TEST_F(HermesAgents, AreHeldByTheEstopAndSayWhy) {
  const auto made = middle();
  EXPECT_EQ(made->held(), std::nullopt);
  write(hermes_home() / "ESTOP", R"({"reason": "disk is failing", "engaged_at": "now"})");
  EXPECT_THAT(made->held(), Optional(AllOf(HasSubstr("ESTOP"), HasSubstr("disk is failing"))));
  write(hermes_home() / "ESTOP", "\x1b[2J not JSON");
  EXPECT_THAT(made->held(), Optional(AllOf(HasSubstr("ESTOP"), Not(HasSubstr("\x1b")))));
  fs::remove(hermes_home() / "ESTOP");
  // Whatever it is: a link to nowhere counts, too.
  fs::create_symlink("/nowhere", hermes_home() / "ESTOP");
  EXPECT_NE(made->held(), std::nullopt);
  fs::remove(hermes_home() / "ESTOP");
  EXPECT_EQ(made->held(), std::nullopt);
}

TEST_F(HermesAgents, ThatAreTooOldOrNoneAreRefused) {
  EXPECT_THAT(refusal(answers_of("0.6.0", "Hermes Agent v0.5.9")),
              StartsWith("unsupported: Hermes 0.5.9 is too old"));
  EXPECT_THAT(refusal(answers_of("0.6.0", "GNU hermes? no")), StartsWith("unsupported: "));
  const auto failing = [](const AgentLaunch&) -> ProbeAnswer {
    return {true, 1, "ModuleNotFoundError: No module named 'hermes_cli'"};
  };
  try {
    (void)make_agent(hermes_settings(), places(), failing);
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("No module named"));
  }
}

TEST_F(HermesAgents, AreFoundInTheirHomeBeforeThePath) {
  program(folder_ / "bin" / "hermes");
  const auto own = hermes_home() / "hermes-agent" / "venv" / "bin" / "hermes";
  EXPECT_THAT(find_hermes({}, places()), Optional(own));
  fs::remove(own);
  EXPECT_THAT(find_hermes({}, places()), Optional(folder_ / "bin" / "hermes"));
  EXPECT_EQ(find_hermes("/nowhere/hermes", places()), std::nullopt);
  fs::remove(folder_ / "bin" / "hermes");
  EXPECT_EQ(find_hermes({}, {home(), hermes_home(), (folder_ / "bin").string()}), std::nullopt);
}

TEST_F(HermesAgents, AreAskedInAHomeThatHoldsNothing) {
  std::vector<AgentLaunch> asked;
  const auto probe = [&](const AgentLaunch& launch) -> ProbeAnswer {
    asked.push_back(launch);
    return answering(answers_of("0.6.0"))(launch);
  };
  (void)make_agent(hermes_settings(), places(), probe);
  ASSERT_EQ(asked.size(), 3U);
  for (const auto& launch : asked) {
    EXPECT_THAT(launch.environment, Not(Contains(Key("HERMES_HOME"))));
    EXPECT_THAT(launch.environment, Not(Contains(Key("OPENAI_API_KEY"))));
  }
}

TEST_F(HermesAgents, NameTheirSessionInTheLastOfTheirWords) {
  const auto of = [&](const std::string& tail) {
    return middle()->judge({.number = 0, .tail = tail}).session;
  };
  EXPECT_EQ(of("session_id: 20260101_000000_aaaaaa\nDone.\n\nsession_id: 20261129_120000_abc123\n"),
            "20261129_120000_abc123");
  EXPECT_EQ(of(R"({"type": "result", "session_id": "20261129_120000_abc123", "exit_code": 0})"),
            "20261129_120000_abc123");
  EXPECT_EQ(of("session_id: ../../etc/passwd\n"), "");
  EXPECT_EQ(of("Done."), "");
}

TEST_F(HermesAgents, ThatDoNotKnowTheirArgumentsAreNotUsable) {
  for (const auto* version : {"0.6.0", "0.9.0", "0.12.0", "0.13.0", "0.17.0", "0.18.2", "0.19.0"}) {
    const RecordedHermes hermes(version);
    const auto& wrong = hermes.answer("chat --no-such-flag");
    const auto end = middle()->judge({.number = wrong.status, .tail = wrong.output});
    EXPECT_EQ(end.kind, AgentEnd::Kind::not_usable) << version;
    EXPECT_THAT(end.reason, HasSubstr("unrecognized arguments: --no-such-flag")) << version;
  }
  // A run that failed otherwise is one that ended.
  EXPECT_EQ(middle()->judge({.number = 2, .tail = "no answer"}).kind, AgentEnd::Kind::ended);
  EXPECT_EQ(middle()->judge({.number = 0, .tail = "usage: hermes"}).kind, AgentEnd::Kind::ended);
}

}  // namespace
}  // namespace host::dispatch
