// SPDX-License-Identifier: Apache-2.0
//
// An issue becomes a pull request: a real host, a forge with git over HTTP, agents that are scripts
// in their cages.
#include <gmock/gmock.h>

#include <chrono>

#include "base/bounded_process.hpp"
#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DispatchTest : public DispatchBench {};

TEST_F(DispatchTest, AnIssueBecomesAPullRequestThroughSixGates) {
  agent_is(kFix);
  start_host();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  const auto id = to_text(item()["id"]);
  const Json shown = client().get("/v1/items/" + id);
  EXPECT_EQ(shown["gates"].size(), 6u) << to_text(shown);
}

TEST_F(DispatchTest, AReloadTakesTheFirstPlaybookOfAHostThatWasStartedWithNone) {
  agent_is(kFix);
  write_model_config();
  start_host();
  EXPECT_TRUE(client().get("/v1/status")["dispatch"].is_null());
  write_model_config(fixer_on());
  (void)client().post("/v1/reload");
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

TEST_F(DispatchTest, AStopDoesNotWaitForAPushThatHangsAndTheNextHostMakesIt) {
  agent_is(kFix);
  const auto at_work = folder_ / "at-work";
  const auto let_go = folder_ / "let-go";
  put(fs::path(bare()) / "hooks" / "pre-receive",
      "#!/bin/sh\ntouch '" + at_work.string() + "'\nwhile [ ! -e '" + let_go.string() +
          "' ]; do sleep 0.1; done\n",
      0755);
  start_host();
  ASSERT_TRUE(eventually([&] { return fs::exists(at_work); })) << log();
  const auto from = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::minutes(2));
  put(let_go, "");
  start_host();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

TEST_F(DispatchTest, AnAgentThatLiesOpensNothing) {
  agent_is("echo done > NOTES; git add NOTES; git commit --quiet -m 'Fix it. 12 tests passed'\n");
  start_host();
  ASSERT_TRUE(item_is("failed")) << to_text(item()) << log();
  EXPECT_THAT(pulls(), IsEmpty());
}

// The one-shot finds its agent dead; the running host does the rest.
TEST_F(DispatchTest, ADeadAgentsWorkGoesOnInAnotherLane) {
  agent_is("echo at work; sleep 600\n");
  agent_is(kFix, "spare");
  lanes_are({{"code", lane("agent")}, {"spare", lane("spare")}});
  put(folder_ / "stamps" / "hermes", "x");
  fs::permissions(folder_ / "stamps", static_cast<fs::perms>(0755));
  write_atomically(paths_.timmy_home / "deadman.yaml",
                   "watch:\n  hermes: { stamp: " + (folder_ / "stamps" / "hermes").string() +
                       ", after: 1s, dispatch: { from: code, to: spare } }\n",
                   0600);
  start_host();
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["dispatch"]["running"] == 1; }))
      << log();
  const auto look = [this] {
    BoundedRun once;
    once.request.program = bin_ / "timmy-host";
    once.request.arguments = {"timmy-host", "deadman", "--once"};
    once.request.environment = {{"HOME", paths_.home.string()},
                                {"TIMMY_HOME", paths_.timmy_home.string()},
                                {"HERMES_HOME", paths_.hermes_home.string()}};
    (void)run_bounded(once, [](std::string_view) { return true; });
  };
  // The first sight is a sign of life, so it is alive before it is dead.
  EXPECT_TRUE(eventually([&] {
    look();
    return item()["lane"] == "spare";
  })) << to_text(item())
      << log();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  EXPECT_EQ(item()["attempts"], 1);
  EXPECT_EQ(count("SELECT count(*) FROM audit WHERE what='dispatch.hand_over' AND "
                  "instr(result, 'from lane code to spare; hermes has given no sign') > 0"),
            1);
}

TEST_F(DispatchTest, WhileAnAgentWorksTheBudgetShowsWhatItsPlaybookLeavesIt) {
  const auto let_go = folder_ / "agent" / "let-go";
  agent_is("while [ ! -e '" + let_go.string() + "' ]; do sleep 0.1; done\n" + kFix);
  start_host();
  const auto own_caps = [this] { return client().get("/v1/budget")["own_caps"]; };
  ASSERT_TRUE(eventually([&] { return own_caps().size() == 1; })) << log();
  const Json own = own_caps()[0];
  EXPECT_EQ(own["repo"], kAppRepo);
  EXPECT_EQ(own["issue"], number_);
  EXPECT_EQ(own["playbook"], "fixer");
  EXPECT_EQ(own["tokens"]["left"], 10000) << to_text(own);
  put(let_go, "");
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_THAT(own_caps(), IsEmpty());
}

TEST_F(DispatchTest, AHostThatIsKilledWhileAnAgentWorksGoesOn) {
  agent_is("echo at work; sleep 600\n");
  start_host();
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["dispatch"]["running"] == 1; }))
      << log();
  ASSERT_TRUE(eventually([&] { return !output().empty(); }));
  kill();
  agent_is(kFix);
  start_host();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

}  // namespace
}  // namespace host::faults
