// SPDX-License-Identifier: Apache-2.0
//
// The real Hermes against an upstream of the test's own. TIMMY_HERMES names the program; without it
// the PATH is searched.
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/bounded_process.hpp"
#include "config/paths.hpp"
#include "dispatch/agent_fixture.hpp"
#include "dispatch/agent_hermes.hpp"
#include "dispatch/agent_scratch.hpp"
#include "tokens/fake_upstream.hpp"

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

// A model that has one thing done in the terminal, then says that it is done.
class ScriptedModel {
 public:
  explicit ScriptedModel(std::string command)
      : command_(std::move(command)), thread_([this] { context_.run(); }) {}
  ~ScriptedModel() {
    work_.reset();
    context_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string url() const { return upstream_.url(); }
  [[nodiscard]] std::vector<std::string> heads() const {
    const std::scoped_lock lock(mutex_);
    return heads_;
  }
  [[nodiscard]] std::string bodies() const {
    const std::scoped_lock lock(mutex_);
    return bodies_;
  }

 private:
  void answer(const FakeUpstream::Request& request, const FakeUpstream::Peer& peer) {
    {
      const std::scoped_lock lock(mutex_);
      heads_.push_back(request.head);
      bodies_ += request.body;
    }
    if (request.has("GET ")) return peer.say(http_reply(R"({"data": [{"id": "small-1"}]})"));
    const auto asked = request.json();
    const bool first = asked.contains("tools") && !called_.exchange(true);
    const bool stream = asked.value("stream", false);
    if (!first) return say(peer, {{"role", "assistant"}, {"content", "All done."}}, "stop", stream);
    const Json call{
        {"index", 0},
        {"id", "call_1"},
        {"type", "function"},
        {"function", {{"name", "terminal"}, {"arguments", to_text({{"command", command_}})}}}};
    say(peer, {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {call}}}, "tool_calls",
        stream);
  }

  static void say(const FakeUpstream::Peer& peer, const Json& message, const char* reason,
                  bool stream) {
    const Json common{{"id", "c1"}, {"created", 1}, {"model", "small-1"}};
    auto reply = common;
    if (!stream) {
      reply["object"] = "chat.completion";
      reply["choices"] = {{{"index", 0}, {"message", message}, {"finish_reason", reason}}};
      reply["usage"] = usage(100, 10);
      return peer.say(http_reply(to_text(reply)));
    }
    reply["object"] = "chat.completion.chunk";
    reply["choices"] = {{{"index", 0}, {"delta", message}, {"finish_reason", nullptr}}};
    auto last = reply;
    last["choices"] = {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", reason}}};
    peer.say(stream_head() + event(reply) + event(last) + usage_piece(100, 10) + stream_end());
    peer.close();
  }

  std::string command_;
  std::atomic<bool> called_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::string bodies_;
  boost::asio::io_context context_;
  FakeUpstream upstream_{context_,
                         [this](const auto& request, const auto& peer) { answer(request, peer); }};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  std::thread thread_;
};

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
    ASSERT_FALSE(model.heads().empty());
    EXPECT_THAT(model.heads(), Each(HasSubstr("run-key-5f2c")));
    EXPECT_FALSE(fs::exists(hermes_home() / "state.db"));
    (void)keep(launch.scratch, launch.kept, folder_ / "kept");
    EXPECT_TRUE(fs::exists(folder_ / "kept" / "state.db"));
  }
  AgentEnd end_;
  std::string program_;
};

TEST_F(RealHermes, WorksThroughTheMeterAloneAndLeavesItsState) { work(*agent()); }

TEST_F(RealHermes, WorksInTheWayOfTheOldestToo) {
  work(*agent(kHelp06));
  EXPECT_NE(end_.session, "");
}

}  // namespace
}  // namespace host::dispatch
