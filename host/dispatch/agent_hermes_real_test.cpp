// SPDX-License-Identifier: Apache-2.0
//
// The real Hermes against an upstream of the test's own. TIMMY_HERMES names the program; without it
// the PATH is searched.
#include <unistd.h>

#include "base/bounded_process.hpp"
#include "config/paths.hpp"
#include "dispatch/agent_fixture.hpp"
#include "dispatch/agent_hermes.hpp"
#include "dispatch/agent_scratch.hpp"
#include "tokens/scripted_model.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

// Runs a launch as it stands, without a cage.
struct Ran {
  int status = -1;
  std::string output;
};
Ran run_open(const AgentLaunch& launch, const fs::path& folder) {
  BoundedRun run;
  run.request.program = launch.arguments.at(0);
  run.request.arguments = launch.arguments;
  run.request.environment = launch.environment;
  run.request.environment.try_emplace("HOME", folder.string());
  run.request.folder = launch.folder.empty() ? folder : launch.folder;
  const auto input = memory_file(launch.input);
  run.input = input.get();
  run.limit = std::chrono::minutes(3);
  Ran ran;
  const auto ending = run_bounded(run, [&](std::string_view piece) {
    ran.output.append(piece);
    return true;
  });
  ran.output += ending.errors;
  ran.status = ending.ok() ? 0 : ending.number;
  return ran;
}

class RealHermes : public AgentTest {
 protected:
  void SetUp() override {
    const auto environment = Environment::of_process();
    program_ = environment.get("TIMMY_HERMES").value_or("");
    if (program_.empty())
      if (const auto found = find_program("hermes", environment.get("PATH").value_or("")))
        program_ = found->string();
    if (program_.empty())
      GTEST_SKIP() << "no Hermes here; name one as TIMMY_HERMES (pip install hermes-agent)";
  }
  // `help`: what it says instead of its own --help; empty: that.
  [[nodiscard]] std::unique_ptr<Agent> agent(const std::string& help = {}) const {
    auto settings = hermes_settings();
    settings.program = program_;
    settings.toolsets = {"terminal", "file"};
    return make_agent(settings, places(), [&](const AgentLaunch& launch) -> ProbeAnswer {
      if (!help.empty() && launch.arguments.back() == "--help") return {true, 0, help};
      const auto ran = run_open(launch, folder_ / "home");
      return {true, ran.status, ran.output};
    });
  }
  // Has it mend something, and looks at where it went for that.
  void work(const Agent& agent) {
    write(hermes_home() / "config.yaml",
          "model: { default: big-1, provider: openrouter, api_key: sk-operators-canary }\n");
    write(hermes_home() / ".env", "OPENROUTER_API_KEY=sk-operators-canary\n");
    ScriptedModel model("printf fixed > FIXED; printf 'Mended.' > \"$TIMMY_REPORT_FILE\"");
    auto asked = task("Mend it. Ticket-7731.");
    asked.model_url = model.url();
    const auto launch = agent.launch(asked);
    prepare(launch);
    const auto ran = run_open(launch, folder_ / "home");
    SCOPED_TRACE(agent.description() + "\n" + ran.output);
    EXPECT_EQ(ran.status, 0);
    end_ = agent.judge({.number = ran.status, .tail = ran.output});
    EXPECT_EQ(end_.kind, AgentEnd::Kind::ended);
    ASSERT_TRUE(fs::exists(tree() / "FIXED"));
    EXPECT_EQ(read_file(asked.report_file, 100), "Mended.");
    EXPECT_THAT(model.bodies(), HasSubstr("Ticket-7731"));
    EXPECT_THAT(model.bodies(), Not(HasSubstr("canary")));
    // 0.6 looks for what the model can do without a key, too. The meter answers that with 401.
    std::vector<std::string> chats;
    for (const auto& head : model.heads())
      if (head.starts_with("POST ")) chats.push_back(head);
    ASSERT_FALSE(chats.empty());
    EXPECT_THAT(chats, Each(HasSubstr("run-key-5f2c")));
    EXPECT_FALSE(fs::exists(hermes_home() / "state.db"));
    (void)keep(launch.scratch, launch.kept, folder_ / "kept");
    EXPECT_TRUE(fs::exists(folder_ / "kept" / "state.db"));
  }
  AgentEnd end_;
  std::string program_;
};

TEST_F(RealHermes, WorksThroughTheMeterAloneAndLeavesItsState) { work(*agent()); }

TEST_F(RealHermes, WorksInTheWayOfTheOldestToo) {
  work(*agent(RecordedHermes("0.6.0").output("--help")));
  EXPECT_NE(end_.session, "");
}

}  // namespace
}  // namespace host::dispatch
