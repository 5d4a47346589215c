// SPDX-License-Identifier: Apache-2.0
//
// An issue becomes a pull request: a real host, a forge with git over HTTP, agents that are scripts
// in their cages.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "base/file.hpp"
#include "faults/fault_bench.hpp"
#include "forge/git_http.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRepo = "demo/app";

constexpr const char* kFix = R"(printf 'return 0\n' > main.txt
git add --all && git commit --quiet --message 'Return 0'
echo 'Mended.' > "$TIMMY_REPORT_FILE"
)";

constexpr const char* kPlaybook = R"(name: fixer
description: A test.
lane: code
matching: { labels: { all: [agent-ready] } }
limits: { attempts: 2, tokens: 10000, wall: 2m, stall: 20s }
gates:
  commands: [{ name: verify, run: [.timmy/verify], timeout: 30s }]
  tests: [{ command: verify, pattern: "[1-9][0-9]* passed" }]
prompt: |
  Fix issue {{issue.number}}. The gates said:

  {{gates.feedback}}
)";

class DispatchTest : public FaultBench {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/git", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/git here";
    fs::create_directories(git_root() / "demo");
    git("git init --quiet --bare --initial-branch=main " + bare());
    git("git -C " + bare() + " config http.receivepack true");
    git("git init --quiet --initial-branch=main " + person());
    put(folder_ / "person" / "main.txt", "return 1\n");
    put(folder_ / "person" / ".timmy" / "verify",
        "#!/bin/sh\ngrep -q 'return 0' main.txt && echo 3 passed\n", 0755);
    git("git -C " + person() + " add --all && git -C " + person() +
        " -c user.name=P -c user.email=p@example.org commit --quiet -m first && git -C " +
        person() + " push --quiet " + bare() + " HEAD:main");
    put(paths_.playbooks() / "fixer.yaml", kPlaybook);
    const Json lanes{
        {"lanes",
         {{"code",
           {{"agent",
             {{"kind", "command"}, {"program", (folder_ / "agent" / "agent").string()}}}}}}}};
    put(paths_.playbooks() / "agent-lanes.json", to_text(lanes));
    write_config(fixer_on());
    forge_.with([&](forge::Forge& forge) {
      forge.git_root = git_root();
      take_branches(forge.state, git_root(), kRepo);
      auto& repo = *forge.state.repo(kRepo);
      const auto label = forge.state.add_label(repo, "agent-ready").id;
      auto& issue = forge.state.add_issue(repo, "timmy", "It returns 1");
      issue.labels.push_back(label);
      number_ = issue.number;
    });
  }

  static Json fixer_on() {
    return {
        {"defaults", {{"playbooks", {{"fixer", {{"enabled", true}, {"repositories", {kRepo}}}}}}}}};
  }
  [[nodiscard]] fs::path git_root() const { return folder_ / "git"; }
  [[nodiscard]] std::string bare() const { return (git_root() / "demo" / "app.git").string(); }
  [[nodiscard]] std::string person() const { return (folder_ / "person").string(); }
  static void git(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0); }
  static void put(const fs::path& file, const std::string& text, int mode = 0644) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    fs::permissions(file, static_cast<fs::perms>(mode));
  }
  void agent_is(const std::string& script) {
    put(folder_ / "agent" / "agent", "#!/bin/sh\n" + script, 0755);
  }

  Json item() {
    const Json items = client().get("/v1/items")["items"];
    return items.empty() ? Json() : items[0];
  }
  bool item_is(const std::string& state) {
    return eventually([&] {
      const Json now = item();
      return now.is_object() && now["state"] == state;
    });
  }
  std::size_t pulls() {
    std::size_t count = 0;
    forge_.with([&](forge::Forge& forge) { count = forge.state.repo(kRepo)->pulls.size(); });
    return count;
  }

  std::int64_t number_ = 0;
};

TEST_F(DispatchTest, AnIssueBecomesAPullRequestThroughSixGates) {
  agent_is(kFix);
  start();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_EQ(pulls(), 1u);
  const auto id = to_text(item()["id"]);
  const Json shown = client().get("/v1/items/" + id);
  EXPECT_EQ(shown["gates"].size(), 6u) << to_text(shown);
  EXPECT_THAT(log(), Not(HasSubstr(kToken)));
  stop();
  check_invariants();
}

TEST_F(DispatchTest, AReloadTakesTheFirstPlaybookOfAHostThatWasStartedWithNone) {
  agent_is(kFix);
  write_config(Json::object());
  start();
  EXPECT_TRUE(client().get("/v1/status")["dispatch"].is_null());
  write_config(fixer_on());
  (void)client().post("/v1/reload");
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_EQ(pulls(), 1u);
  stop();
  check_invariants();
}

TEST_F(DispatchTest, AStopDoesNotWaitForAPushThatHangsAndTheNextHostMakesIt) {
  agent_is(kFix);
  const auto at_work = folder_ / "at-work";
  const auto let_go = folder_ / "let-go";
  put(git_root() / "demo" / "app.git" / "hooks" / "pre-receive",
      "#!/bin/sh\ntouch '" + at_work.string() + "'\nwhile [ ! -e '" + let_go.string() +
          "' ]; do sleep 0.1; done\n",
      0755);
  start();
  ASSERT_TRUE(eventually([&] { return fs::exists(at_work); })) << log();
  const auto from = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::minutes(2));
  put(let_go, "");
  start();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_EQ(pulls(), 1u);
  stop();
  check_invariants();
}

TEST_F(DispatchTest, AnAgentThatLiesOpensNothing) {
  agent_is("echo done > NOTES; git add NOTES; git commit --quiet -m 'Fix it. 12 tests passed'\n");
  start();
  ASSERT_TRUE(item_is("failed")) << to_text(item()) << log();
  EXPECT_EQ(pulls(), 0u);
  stop();
}

// The one-shot finds its agent dead; the running host does the rest.
TEST_F(DispatchTest, ADeadAgentsWorkGoesOnInAnotherLane) {
  agent_is("echo at work; sleep 600\n");
  put(folder_ / "spare" / "agent", std::string("#!/bin/sh\n") + kFix, 0755);
  const auto lane = [this](const char* folder) {
    return Json{
        {"agent", {{"kind", "command"}, {"program", (folder_ / folder / "agent").string()}}}};
  };
  put(paths_.playbooks() / "agent-lanes.json",
      to_text(Json{{"lanes", {{"code", lane("agent")}, {"spare", lane("spare")}}}}));
  put(folder_ / "stamps" / "hermes", "x");
  fs::permissions(folder_ / "stamps", static_cast<fs::perms>(0755));
  write_atomically(paths_.timmy_home / "deadman.yaml",
                   "watch:\n  hermes: { stamp: " + (folder_ / "stamps" / "hermes").string() +
                       ", after: 1s, dispatch: { from: code, to: spare } }\n",
                   0600);
  start();
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["dispatch"]["running"] == 1; }))
      << log();
  const auto look = [this] {
    const auto run = "HOME='" + paths_.home.string() + "' TIMMY_HOME='" +
                     paths_.timmy_home.string() + "' HERMES_HOME='" + paths_.hermes_home.string() +
                     "' '" + (bin_ / "timmy-host").string() + "' deadman --once > /dev/null 2>&1";
    return std::system(run.c_str()) == 0;
  };
  // The first sight is a sign of life, so it is alive before it is dead.
  EXPECT_TRUE(eventually([&] {
    look();
    return item()["lane"] == "spare";
  })) << to_text(item())
      << log();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_EQ(pulls(), 1u);
  EXPECT_EQ(item()["attempts"], 1);
  EXPECT_GE(count("SELECT count(*) FROM audit WHERE what='dispatch.hand_over'"), 1);
  stop();
  check_invariants();
}

TEST_F(DispatchTest, AHostThatIsKilledWhileAnAgentWorksGoesOn) {
  agent_is("echo at work; sleep 600\n");
  start();
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["dispatch"]["running"] == 1; }))
      << log();
  ASSERT_TRUE(eventually([&] {
    return fs::exists(paths_.runs() / "d1.1" / "output.log") &&
           !read_file(paths_.runs() / "d1.1" / "output.log", 1 << 16).empty();
  }));
  kill();
  agent_is(kFix);
  start();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_EQ(pulls(), 1u);
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
