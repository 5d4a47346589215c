// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_command.hpp"

#include <csignal>

#include "base/error.hpp"
#include "dispatch/agent_fixture.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

class CommandAgents : public AgentTest {
 protected:
  [[nodiscard]] std::unique_ptr<Agent> agent(const AgentSettings& settings) const {
    return make_agent(settings, places(), no_probe());
  }
  [[nodiscard]] std::unique_ptr<Agent> agent() const {
    return agent(command_settings(program(folder_ / "bin" / "agent")));
  }
};

Code code_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return Code::internal;
}

TEST_F(CommandAgents, GetThePromptOnStandardInput) {
  const auto launch = agent()->launch(task("Fix it.\n-- now"));
  EXPECT_EQ(launch.input, "Fix it.\n-- now");
  EXPECT_THAT(launch.arguments, ElementsAre((folder_ / "bin" / "agent").string()));
  EXPECT_THAT(launch.files, IsEmpty());
  EXPECT_EQ(launch.folder, tree());
}

TEST_F(CommandAgents, OrAsAFileThatTheLastArgumentNames) {
  auto settings = command_settings(program(folder_ / "bin" / "agent"));
  settings.prompt_by = "file";
  settings.arguments = {"--fast", "--", "it's $HOME"};
  const auto launch = agent(settings)->launch(task());
  const auto file = scratch() / "prompt.md";
  EXPECT_THAT(launch.arguments, ElementsAre(settings.program, "--fast", "--", "it's $HOME", file));
  ASSERT_EQ(launch.files.size(), 1U);
  EXPECT_EQ(launch.files[0].path, file);
  EXPECT_EQ(launch.files[0].content, "Fix it.");
  EXPECT_EQ(launch.input, "");
}

TEST_F(CommandAgents, HaveTheMeterAndNothingOfTheHostsEnvironment) {
  ::setenv("GITEA_TOKEN", "canary", 1);
  auto settings = command_settings(program(folder_ / "bin" / "agent"));
  settings.model = "small-1";
  const auto launch = agent(settings)->launch(task());
  ::unsetenv("GITEA_TOKEN");
  EXPECT_THAT(launch.environment, Not(Contains(Key("GITEA_TOKEN"))));
  const std::map<std::string, std::string> expected{
      {"OPENAI_BASE_URL", "http://127.0.0.1:7999/v1"},
      {"OPENAI_API_KEY", "run-key-5f2c"},
      {"OPENAI_MODEL", "small-1"},
      {"HOME", (scratch() / "home").string()},
      {"TMPDIR", (scratch() / "tmp").string()},
      {"TIMMY_RUN", "12.1"},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"TIMMY_REPORT_FILE", (scratch() / "report.md").string()}};
  for (const auto& variable : expected) EXPECT_THAT(launch.environment, Contains(variable));
  EXPECT_THAT(launch.writable, ElementsAre(tree(), scratch()));
}

TEST_F(CommandAgents, ReadWhatTheirProgramIsMadeOfButNoHome) {
  program(folder_ / "opt" / "agent" / "main");
  fs::create_directories(folder_ / "bin");
  fs::create_symlink(folder_ / "opt" / "agent" / "main", folder_ / "bin" / "linked");
  const auto linked = agent(command_settings(folder_ / "bin" / "linked"))->launch(task());
  EXPECT_THAT(linked.readable, ElementsAre(folder_ / "bin" / "linked", folder_ / "opt" / "agent",
                                           folder_ / "opt" / "agent" / "main"));
  program(home() / "agent");
  const auto homely = agent(command_settings("~/agent"))->launch(task());
  EXPECT_THAT(homely.readable, ElementsAre(home() / "agent"));
}

TEST_F(CommandAgents, ThatAreNotThereAreSaidToBeMissing) {
  EXPECT_EQ(code_of([&] { (void)agent(command_settings("/nowhere/agent")); }), Code::not_found);
  write(folder_ / "bin" / "text", "no program");
  EXPECT_EQ(code_of([&] { (void)agent(command_settings(folder_ / "bin" / "text")); }),
            Code::not_found);
  EXPECT_EQ(code_of([&] { (void)agent(command_settings(folder_ / "bin")); }), Code::not_found);
  EXPECT_EQ(code_of([&] { (void)agent({}); }), Code::invalid);
}

TEST_F(CommandAgents, RefuseAScratchThatIsTheAgentsOwn) {
  auto inside = task();
  inside.scratch = tree() / "scratch";
  inside.report_file = inside.scratch / "report.md";
  EXPECT_EQ(code_of([&] { (void)agent()->launch(inside); }), Code::invalid);
  auto elsewhere = task();
  elsewhere.report_file = tree() / "report.md";
  EXPECT_EQ(code_of([&] { (void)agent()->launch(elsewhere); }), Code::invalid);
  auto named = task();
  named.run = "../x";
  EXPECT_EQ(code_of([&] { (void)agent()->launch(named); }), Code::invalid);
}

TEST_F(CommandAgents, AreNotBelievedByTheirStatus) {
  using Kind = AgentEnd::Kind;
  const auto made = agent();
  EXPECT_EQ(made->judge({.number = 0, .tail = "All done, 12 tests passed!"}).kind, Kind::ended);
  EXPECT_EQ(made->judge({.number = 0}).reason, "ended with status 0");
  const auto failed = made->judge({.number = 1, .tail = "no\x1b[31m idea\n\xff"});
  EXPECT_EQ(failed.kind, Kind::ended);
  EXPECT_THAT(failed.reason, HasSubstr("ended with status 1: "));
  EXPECT_THAT(failed.reason, Not(HasSubstr("\x1b")));
  EXPECT_EQ(made->judge({.signalled = true, .number = SIGSEGV}).reason, "was killed by SIGSEGV");
}

TEST_F(CommandAgents, MayAskToBeTriedLater) {
  using Kind = AgentEnd::Kind;
  const auto made = agent();
  const auto later = made->judge({.number = 75, .tail = "429"});
  EXPECT_EQ(later.kind, Kind::rate_limited);
  EXPECT_EQ(made->judge({.number = 78}).kind, Kind::not_usable);
  EXPECT_EQ(made->judge({.number = 127}).kind, Kind::not_usable);
  // The host's own stop is no failure of the agent's, whatever status came of it.
  EXPECT_EQ(made->judge({.signalled = true, .number = SIGTERM, .ended_by_host = true}).kind,
            Kind::stopped);
  EXPECT_EQ(made->judge({.number = 75, .ended_by_host = true}).kind, Kind::stopped);
}

}  // namespace
}  // namespace host::dispatch
