// SPDX-License-Identifier: Apache-2.0
//
// Rows H4 to H6, H9, P3, S6, S7: starting, stopping, reloading, and what may be found on the disk.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;

class LifecycleTest : public FaultBench {
 protected:
  // A job that runs for a minute unless it is stopped, in a worker now.
  std::int64_t long_job() {
    const auto id = enqueue("echo_wait", {{"ms", 60'000}});
    EXPECT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
    return id;
  }
  // A host that must not start: its exit status.
  int refused_start() {
    start({}, false);
    EXPECT_FALSE(host().wait_ready());
    const auto exit = host().wait();
    EXPECT_FALSE(exit.signalled);
    host_.reset();
    return exit.number;
  }
};

TEST_F(LifecycleTest, H4_SigtermLetsAnIdleHostGoAtOnce) {
  start();
  stop();
  check_invariants();
  EXPECT_THAT(log(), HasSubstr("stopped"));
}

TEST_F(LifecycleTest, H4_ADrainWaitsForWhatRuns) {
  start();
  enqueue("echo_wait", {{"ms", 300}});
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
  stop();
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE state='completed'"), 1);
  check_invariants();
}

TEST_F(LifecycleTest, H4_PastTheGraceAJobGoesBackWithoutAnAttemptBurned) {
  write_config({{"defaults", {{"queue", {{"shutdown_grace", "200ms"}}}}}});
  start();
  const auto id = long_job();
  stop();
  const auto where = " FROM jobs WHERE id=" + std::to_string(id);
  EXPECT_EQ(count("SELECT state='available' AND attempt=0 AND interrupted=1" + where), 1);
  check_invariants();
}

TEST_F(LifecycleTest, H5_ASecondSignalEndsTheDrainAtOnce) {
  start();
  const auto id = long_job();
  host().signal(SIGTERM);
  EXPECT_THAT(host().heard(std::chrono::seconds(5)), HasSubstr("STOPPING=1"));
  host().signal(SIGINT);
  const auto exit = host().wait(std::chrono::seconds(15));
  EXPECT_EQ(exit.number, 0);
  host_.reset();
  EXPECT_EQ(count("SELECT attempt=0 AND interrupted=1 FROM jobs WHERE id=" + std::to_string(id)),
            1);
  check_invariants();
}

TEST_F(LifecycleTest, H6_AGoodConfigIsTakenAndABadOneRefused) {
  start();
  const auto word = [this] {
    return wait_for(enqueue("echo"))["result"]["config"]["word"].get<std::string>();
  };
  EXPECT_EQ(word(), "echo") << "the plugin's own default";
  write_config({{"defaults", {{"plugins", {{"echo", {{"config", {{"word", "new"}}}}}}}}}});
  client().post("/v1/reload");
  EXPECT_EQ(word(), "new") << "the new config was not taken";

  std::ofstream(paths_.host_yaml()) << "defaults:\n  pluggins: {";  // wrong, and half written
  try {
    client().post("/v1/reload");
    ADD_FAILURE() << "a broken config was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("host.yaml:2:"));
  }
  EXPECT_EQ(word(), "new") << "the config before it is gone";

  write_config();
  host().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return word() == "echo"; })) << "SIGHUP did not reload";
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, H9_ASecondHostIsRefusedWith75AndTheFirstOnesPid) {
  start();
  const auto first = std::move(host_);
  EXPECT_EQ(refused_start(), 75);
  EXPECT_THAT(log(), HasSubstr("pid " + std::to_string(first->pid())));

  std::filesystem::create_directory_symlink(paths_.timmy_home, folder_ / "alias");
  const auto real = paths_;
  paths_.timmy_home = folder_ / "alias";
  EXPECT_EQ(refused_start(), 75) << "the same folder by another name";
  paths_ = real;
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed") << "the first host was disturbed";

  first->kill();
  (void)first->wait();
  start();  // a lock that a dead host left behind is none
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, P3_AReplacedPluginServesTheNextRunAndTheRunningOneEnds) {
  const auto dir = folder_ / "plugins";
  make_directories(dir, 0755);
  std::filesystem::copy(std::filesystem::path(TIMMY_ECHO_DIR) / "echo.so", dir / "echo.so");
  plugin_dirs_ = {dir};
  start();
  const auto running = enqueue("echo_wait", {{"ms", 700}});
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));

  // Other bytes of the same plugin, put in place as an installer does.
  std::filesystem::copy(dir / "echo.so", dir / ".echo.new");
  std::ofstream(dir / ".echo.new", std::ios::app) << "more";
  std::filesystem::rename(dir / ".echo.new", dir / "echo.so");
  const auto sha = [&] {
    return client().get("/v1/plugins")["plugins"][0]["sha256"].get<std::string>();
  };
  const auto before = sha();
  EXPECT_TRUE(eventually([&] { return sha() != before; })) << "the new bytes were not seen";
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  EXPECT_EQ(wait_for(running)["state"], "completed")
      << "the running job did not end on the old bytes";

  // Cut in place while it is loaded: the host and its workers have their own copy.
  std::ofstream(dir / "echo.so", std::ios::trunc);
  EXPECT_TRUE(eventually([&] {
    return client().get("/v1/status")["attention"].dump().find("echo") != std::string::npos;
  }));
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, P3_APluginDroppedInAppears) {
  const auto dir = folder_ / "plugins";
  make_directories(dir, 0755);
  plugin_dirs_ = {dir};
  start();
  EXPECT_THROW(enqueue("echo"), Error);
  std::filesystem::copy(std::filesystem::path(TIMMY_ECHO_DIR) / "echo.so", dir / "echo.so");
  EXPECT_TRUE(eventually(
      [&] { return client().get("/v1/tasks").dump().find("\"echo_wait\"") != std::string::npos; }));
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, W9_APluginThatKeepsCrashingIsSetAsideUntilItIsReset) {
  plugin_dirs_.emplace_back(TIMMY_HOSTILE_DIR);
  write_config({{"defaults", {{"plugins", {{"hostile", {{"enabled", true}}}}}}}});
  start();
  const auto waits = client().post("/v1/jobs", {{"task", "hostile_abort"}, {"delay_ms", 600'000}});
  try {
    for (int i = 0; i < 50; ++i) enqueue("hostile_abort");
    ADD_FAILURE() << "it was never set aside";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("quarantined"));
  }
  const auto state = [&] {
    const Json report = client().get("/v1/plugins");
    for (const auto& plugin : report["plugins"])
      if (plugin["id"] == "hostile") return plugin["state"].get<std::string>();
    return std::string();
  };
  ASSERT_TRUE(eventually([&] { return state() == "quarantined"; })) << log();
  EXPECT_THAT(log(), HasSubstr("plugins reset hostile")) << "not announced with the way out";
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed") << "another plugin suffers";

  EXPECT_EQ(client().get("/v1/jobs/" + to_text(waits["id"]))["attempt"], 0)
      << "a waiting job was burned";
  const Json held = client().get("/v1/jobs?task=hostile_abort");
  for (const auto& job : held["jobs"])
    EXPECT_NE(job["state"], "discarded") << "its jobs are not held";
  stop();
  start();
  EXPECT_EQ(state(), "quarantined") << "a restart lifted it";
  EXPECT_THAT(client().get("/v1/status")["attention"].dump(), HasSubstr("hostile"));
  EXPECT_EQ(client().post("/v1/plugins/hostile/reset")["was_quarantined"], true);
  EXPECT_EQ(state(), "ready");
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, G1_JobsThatNeedAForgeThatIsAwayWaitAtNoCostAndGoOnWhenItIsBack) {
  start();
  std::uint16_t port = 0;
  forge_.with([&](forge::Forge& forge) {
    port = forge.port();
    forge.stop();
  });
  const auto id = enqueue("gitea_issue_triage");
  const auto path = "/v1/jobs/" + std::to_string(id);
  ASSERT_TRUE(eventually([&] { return !client().get(path)["attempts"].empty(); }))
      << "it was never tried";
  const Json waiting = client().get(path);
  EXPECT_EQ(waiting["attempts"][0]["verdict"], "snoozed") << waiting.dump(2);
  EXPECT_EQ(waiting["attempt"], 0) << "an attempt was burned";
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed") << "others wait, too";

  forge_.with([&](forge::Forge& forge) { (void)forge.listen(port); });
  const Json done = wait_for(id);
  EXPECT_EQ(done["state"], "completed") << done.dump(2);
  EXPECT_EQ(done["attempt"], 1);
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, S6_ADamagedOrForeignDatabaseIsRefusedAndLeftAlone) {
  start();
  enqueue("echo");
  stop();
  const auto good = read_file(paths_.database(), 1 << 26);
  const std::vector<std::pair<const char*, std::string>> damages{
      {"bad header", "garbage garbage " + good.substr(16)},
      {"half a file", good.substr(0, good.size() / 2)},
      {"random pages", good.substr(0, 8192) + std::string(8192, '\x5a') + good.substr(16384)},
      {"somebody else's", good.substr(0, 68) + std::string("ABCD") + good.substr(72)},
      {"a newer schema", good.substr(0, 60) + std::string("\0\0\0\x63", 4) + good.substr(64)}};
  for (const auto& [what, bytes] : damages) {
    SCOPED_TRACE(what);
    write_atomically(paths_.database(), bytes, 0600);
    EXPECT_THAT(refused_start(), AnyOf(Eq(65), Eq(69), Eq(74)));
    EXPECT_EQ(read_file(paths_.database(), 1 << 26), bytes) << "the database was touched";
  }
}

TEST_F(LifecycleTest, S7_AnEmptiedOrMissingDatabaseIsNotTakenForAFreshOne) {
  start();
  stop();
  acknowledged_.clear();
  ASSERT_EQ(::truncate(paths_.database().c_str(), 0), 0);
  EXPECT_THAT(refused_start(), Not(Eq(0)));
  std::filesystem::remove(paths_.database());
  EXPECT_THAT(refused_start(), Not(Eq(0)));
  EXPECT_THAT(log(), HasSubstr("--init"));
}

TEST_F(LifecycleTest, I1_ABrokenConfigEndsWith78AndItsLines) {
  for (const char* text :
       {"defaults: {", "defaults:\n\tx: 1", "a: &x 1\nb: *x", "defaults: {}\ndefaults: {}"}) {
    SCOPED_TRACE(text);
    std::ofstream(paths_.host_yaml()) << text;
    EXPECT_EQ(refused_start(), 78);
    EXPECT_THAT(log(), HasSubstr("host.yaml:"));
  }
}

TEST_F(LifecycleTest, I2_ATokenThatOthersCanReadIsNeverSent) {
  ::chmod((paths_.hermes_home / "gitea_token").c_str(), 0644);
  start();
  const Json job =
      client().get("/v1/jobs/" + std::to_string(enqueue("gitea_issue_triage")) + "?wait=10");
  EXPECT_THAT(job.dump(), HasSubstr("chmod 600"));
  forge_.with([](forge::Forge& forge) {
    for (const auto& request : forge.requests()) EXPECT_EQ(request.login, "") << request.target;
  });
  acknowledged_.clear();
  stop();
}

}  // namespace
}  // namespace host::faults
