// SPDX-License-Identifier: Apache-2.0
//
// An issue becomes a pull request: a real host, a forge with git over HTTP, agents that are scripts
// in their cages.
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>

#include "base/file.hpp"
#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFix = R"(printf 'return 0\n' > main.txt
git add --all && git commit --quiet --message 'Return 0'
echo 'Mended.' > "$TIMMY_REPORT_FILE"
)";

class DispatchTest : public DispatchBench {
 protected:
  void agent_is(const std::string& script) {
    put(folder_ / "agent" / "agent", "#!/bin/sh\n" + script, 0755);
  }
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
  lane_is("spare", command_in("spare"));
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
