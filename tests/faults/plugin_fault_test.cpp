// SPDX-License-Identifier: Apache-2.0
//
// Rows P3, W9 and G1: a plugin's file changes under a host, its workers keep dying, what it needs
// is away.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "faults/fault_bench.hpp"
#include "store/connection.hpp"
#include "workers/pool.hpp"
#include "workers/test_kernel.hpp"

namespace host::faults {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

class PluginFaultTest : public FaultBench {
 protected:
  // A plugin folder of this test's own, alone.
  std::filesystem::path own_folder() {
    auto dir = folder_ / "plugins";
    make_directories(dir, 0755);
    plugin_dirs_ = {dir};
    return dir;
  }
  // As an installer does it: whole, by a rename.
  static void install(const std::filesystem::path& from, const std::filesystem::path& to) {
    const auto beside = to.parent_path() / ("." + to.filename().string());
    std::filesystem::copy(from, beside);
    std::filesystem::rename(beside, to);
  }

  [[nodiscard]] Json plugin(const std::string& id) const {
    const Json report = client().get("/v1/plugins");
    for (const auto& each : report["plugins"])
      if (each["id"] == id) return each;
    return Json::object();
  }
  [[nodiscard]] std::string state(const std::string& id) const {
    return plugin(id).value("state", "gone");
  }
  [[nodiscard]] Json job(std::int64_t id) const {
    return client().get("/v1/jobs/" + std::to_string(id));
  }
  // A job that has begun in a worker.
  std::int64_t begun(const std::string& task, const Json& payload) {
    const auto id = enqueue(task, payload);
    EXPECT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
    return id;
  }
};

class ReplacedTest : public PluginFaultTest {
 protected:
  ReplacedTest() { std::filesystem::copy(TIMMY_ECHO, file_); }
  [[nodiscard]] std::string build() {
    return wait_for(enqueue("echo"))["result"]["build"].get<std::string>();
  }
  const std::filesystem::path file_ = own_folder() / "echo.so";
};

TEST_F(ReplacedTest, P3_NewBytesServeTheNextRunAndTheRunningOneEndsOnTheOld) {
  start();
  EXPECT_EQ(build(), "first");
  const auto running = begun("echo_wait", {{"ms", 30'000}});
  const auto before = plugin("echo")["sha256"];
  install(TIMMY_ECHO_NEXT, file_);
  ASSERT_TRUE(eventually([&] { return plugin("echo")["sha256"] != before; })) << "not seen";
  EXPECT_EQ(build(), "next");

  client().post("/v1/jobs/" + std::to_string(running) + "/cancel");
  const Json ended = wait_for(running);
  EXPECT_THAT(ended["attempts"][0]["message"].get<std::string>(),
              HasSubstr("stopped in build first"));
  stop();
  check_invariants();
}

TEST_F(ReplacedTest, P3_ARemovedPluginIsGoneAndItsRunningJobEnds) {
  start();
  const auto running = begun("echo_wait", {{"ms", 500}});
  std::filesystem::remove(file_);
  EXPECT_TRUE(eventually([&] { return state("echo") == "missing"; }))
      << "host.yaml still asks for it";
  EXPECT_THROW(enqueue("echo"), Error);
  const Json ended = wait_for(running);
  EXPECT_EQ(ended["state"], "completed") << ended.dump(2);
  EXPECT_EQ(ended["result"]["build"], "first");
  stop();
  check_invariants();
}

TEST_F(ReplacedTest, P3_AFileThatIsCutWhileItRunsTouchesNoWorker) {
  start();
  const auto running = begun("echo_wait", {{"ms", 500}});
  std::filesystem::resize_file(file_, 0);  // the host and its workers have their own copy
  EXPECT_TRUE(eventually([&] {
    return client().get("/v1/status")["attention"].dump().find("echo") != std::string::npos;
  }));
  EXPECT_EQ(wait_for(running)["state"], "completed");
  stop();
  check_invariants();
}

TEST_F(PluginFaultTest, P3_APluginDroppedInAppears) {
  const auto dir = own_folder();
  start();
  EXPECT_THROW(enqueue("echo"), Error);
  install(TIMMY_ECHO, dir / "echo.so");
  EXPECT_TRUE(eventually(
      [&] { return client().get("/v1/tasks").dump().find("\"echo_wait\"") != std::string::npos; }));
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  stop();
  check_invariants();
}

// A plugin that crashes as soon as its config says so, with jobs that wait in the queue by then.
class CrashLoopTest : public PluginFaultTest {
 protected:
  CrashLoopTest() { plugin_dirs_.emplace_back(TIMMY_HOSTILE_DIR); }

  void configure(const std::string& create) {
    write_config(
        {{"defaults",
          {{"plugins", {{"hostile", {{"enabled", true}, {"config", {{"create", create}}}}}}}}}});
    if (host_) client().post("/v1/reload");
  }
  // Ten jobs wait behind one that runs; then every worker dies, until the plugin is set aside.
  // Returns those that no worker has touched.
  std::vector<std::int64_t> crash_until_set_aside() {
    const auto first = begun("hostile_wait", Json::object());
    std::vector<std::int64_t> waiting;
    for (int i = 0; i < 10; ++i) waiting.push_back(enqueue("hostile_wait", {{"ms", 1}}));
    configure("crash");
    client().post("/v1/jobs/" + std::to_string(first) + "/cancel");
    EXPECT_TRUE(eventually([&] {
      return state("hostile") == "quarantined" && client().get("/v1/status")["claimed"] == 0;
    })) << log();
    std::erase_if(waiting, [&](auto id) { return !untouched(id); });
    return waiting;
  }
  [[nodiscard]] bool untouched(std::int64_t id) const {
    const Json now = job(id);
    return now["state"] == "available" && now["attempt"] == 0 && now["attempts"].empty();
  }
  void expect_refused() {
    try {
      enqueue("hostile_echo");
      ADD_FAILURE() << "a plugin that is set aside took a job";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("quarantined"));
    }
  }
};

TEST_F(CrashLoopTest, W9_ItsJobsAreHeldAndNotBurnedUntilAReset) {
  configure("");
  start();
  const auto held = crash_until_set_aside();
  // Five crashes are allowed, each is charged to one job; the next may have begun by then.
  EXPECT_THAT(held, SizeIs(AllOf(Ge(4u), Le(5u))));
  EXPECT_THAT(log(), HasSubstr("plugins reset hostile")) << "not announced with the way out";
  expect_refused();
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed") << "another plugin suffers";

  configure("");  // scans again, and so does a start
  EXPECT_EQ(state("hostile"), "quarantined") << "the same bytes";
  stop();
  start();
  EXPECT_EQ(state("hostile"), "quarantined") << "a restart lifted it";
  EXPECT_THAT(client().get("/v1/status")["attention"].dump(), HasSubstr("hostile"));
  for (const auto id : held) EXPECT_TRUE(untouched(id)) << job(id).dump(2);

  EXPECT_EQ(client().post("/v1/plugins/hostile/reset")["was_quarantined"], true);
  EXPECT_EQ(state("hostile"), "ready");
  for (const auto id : held) {
    const Json done = wait_for(id);
    EXPECT_EQ(done["state"], "completed") << done.dump(2);
    EXPECT_EQ(done["attempt"], 1) << "an attempt was burned";
  }
  stop();
  check_invariants();
}

TEST_F(CrashLoopTest, W9_NewBytesLiftIt) {
  const auto file = own_folder() / "hostile.so";
  std::filesystem::copy(TIMMY_HOSTILE_DIR "/hostile.so", file);
  configure("");
  start();
  const auto held = crash_until_set_aside();
  ASSERT_FALSE(held.empty());
  configure("");
  EXPECT_EQ(state("hostile"), "quarantined");

  const auto mended = folder_ / "mended.so";
  std::filesystem::copy(file, mended);
  std::ofstream(mended, std::ios::app) << "mended";
  install(mended, file);
  EXPECT_TRUE(eventually([&] { return state("hostile") == "ready"; })) << log();
  EXPECT_EQ(wait_for(held.front())["state"], "completed");
  stop();
  check_invariants();
}

// What only a worker finds out: that the bytes can't be loaded, or don't take their config.
class UnmadeTest : public CrashLoopTest {
 protected:
  void expect_set_aside(const std::string& id, std::int64_t job_id, const std::string& why) {
    EXPECT_TRUE(eventually([&] { return state(id) == "quarantined"; })) << log();
    EXPECT_TRUE(eventually([&] { return client().get("/v1/status")["claimed"] == 0; }));
    EXPECT_THAT(client().get("/v1/tasks").dump(), HasSubstr(why));
    EXPECT_THAT(client().get("/v1/status")["attention"].dump(), HasSubstr(why));
    EXPECT_TRUE(untouched(job_id)) << job(job_id).dump(2);
  }
};

TEST_F(UnmadeTest, P1_APluginWithoutItsEntryIsSetAsideAndItsJobsAreHeld) {
  const auto file = own_folder() / "echo.so";
  auto bytes = read_file(TIMMY_ECHO, 64u << 20);
  const std::string entry = "timmy_plugin_v1";
  for (auto at = bytes.find(entry); at != std::string::npos; at = bytes.find(entry, at))
    bytes.replace(at, entry.size(), "timmy_plugin_xx");
  write_atomically(file, bytes, 0755);
  configure("");
  plugin_dirs_.emplace_back(TIMMY_HOSTILE_DIR);
  start();
  ASSERT_EQ(state("echo"), "ready") << "nobody has loaded it";
  const auto id = enqueue("echo");
  expect_set_aside("echo", id, "timmy_plugin_v1");
  EXPECT_EQ(wait_for(enqueue("hostile_echo"))["state"], "completed") << "another plugin suffers";
  stop();
  start();
  EXPECT_EQ(state("echo"), "quarantined") << "a restart lifted it";

  install(TIMMY_ECHO, file);
  EXPECT_TRUE(eventually([&] { return state("echo") == "ready"; })) << log();
  const Json done = wait_for(id);
  EXPECT_EQ(done["state"], "completed") << done.dump(2);
  EXPECT_EQ(done["attempt"], 1) << "an attempt was burned";
  stop();
  check_invariants();
}

TEST_F(UnmadeTest, P1_APluginThatRefusesItsConfigIsSetAsideUntilItGetsAnother) {
  configure("error");
  start();
  const auto id = enqueue("hostile_echo");
  expect_set_aside("hostile", id, "the rules make no sense");
  expect_refused();
  configure("error");  // scans again, and so does a start
  EXPECT_EQ(state("hostile"), "quarantined");
  configure("");
  EXPECT_EQ(state("hostile"), "ready");
  EXPECT_EQ(wait_for(id)["state"], "completed");
  stop();
  check_invariants();
}

// The plugin that tries, at a host with all that is its own.
class HostileTest : public PluginFaultTest {
 protected:
  HostileTest() {
    plugin_dirs_.emplace_back(TIMMY_HOSTILE_DIR);
    write_config({{"defaults", {{"plugins", {{"hostile", {{"enabled", true}}}}}}}});
  }
};

TEST_F(HostileTest, W12_NothingOfTheRunningHostIsReached) {
  const auto cage = probe_cage(TIMMY_BIN "/timmy-worker");
  for (const auto* layer : {"landlock", "seccomp"}) {
    ASSERT_EQ(cage.in_force(layer), kernel_has(layer)) << cage.missing();
    if (!kernel_has(layer)) GTEST_SKIP() << "this kernel lacks " << cage.missing();
  }
  start();
  const auto pid = std::to_string(host().pid());
  const auto tried = [&](const char* probe, const std::string& target) {
    return wait_for(enqueue("hostile_probe", {{"probe", probe}, {"target", target}}))["result"]
        .value("errno", 0);
  };
  const auto expect_denied = [&](const std::filesystem::path& file,
                                 const std::vector<const char*>& probes) {
    ASSERT_TRUE(std::filesystem::exists(file)) << file;
    for (const auto* probe : probes)
      EXPECT_THAT(tried(probe, file), AnyOf(EPERM, EACCES)) << probe << ' ' << file;
  };
  expect_denied(paths_.hermes_home / "gitea_token", {"read", "chmod"});
  expect_denied(paths_.database(),
                {"read", "write", "truncate", "open_truncate", "chmod", "unlink"});
  expect_denied(paths_.database().string() + "-wal", {"read", "write", "truncate"});
  expect_denied(paths_.cookie(), {"read", "write"});
  expect_denied(paths_.socket(), {"write", "unlink"});
  expect_denied(paths_.lock(), {"read", "write"});
  expect_denied(paths_.host_yaml(), {"read", "write"});
  expect_denied(paths_.timmy_home, {"list"});
  expect_denied("/proc/" + pid + "/mem", {"read", "write"});
  expect_denied("/proc/" + pid + "/environ", {"read"});
  for (const auto* probe : {"kill", "tgkill", "sigqueue", "ptrace", "process_vm_readv", "prlimit"})
    EXPECT_EQ(tried(probe, pid), EPERM) << probe;
  stop();
  check_invariants();
}

// Runs the test that calls it once more, as a user with no rights of its own, since root may read
// everything.
void run_as_nobody() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  SpawnRequest request{
      .program = "/usr/bin/setpriv",
      .arguments = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program.string(),
                    std::string("--gtest_filter=") + test->test_suite_name() + "." + test->name()},
      .descriptors = {{1, 1}, {2, 2}}};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (text.starts_with("GTEST_")) continue;
    const auto end = text.find('=');
    request.environment.emplace(text.substr(0, end), text.substr(end + 1));
  }
  for (auto folder = program; folder != folder.root_path(); folder = folder.parent_path())
    if (struct stat info{}; ::stat(folder.c_str(), &info) != 0 || (info.st_mode & S_IXOTH) == 0)
      GTEST_SKIP() << "as root this needs a build that others may run: " << folder << " is closed";
  auto child = spawn(request);
  pollfd ended{child.pidfd(), POLLIN, 0};
  ::poll(&ended, 1, 120'000);
  const auto exit = child.reap();
  ASSERT_TRUE(exit) << "it did not end in two minutes";
  EXPECT_FALSE(exit->signalled) << exit->number;
  EXPECT_EQ(exit->number, 0) << "it failed as user 65534, see above";
}

// Not by the cage: for what other programs of the host's user may see.
TEST_F(HostileTest, W12_AHostsMemoryAndEnvironmentAreClosedToItsOwnUser) {
  if (::geteuid() == 0) return run_as_nobody();
  start();
  for (const char* file : {"mem", "environ", "maps"}) {
    EXPECT_FALSE(std::ifstream("/proc/" + std::to_string(host().pid()) + "/" + file)) << file;
    EXPECT_TRUE(std::ifstream("/proc/" + std::to_string(::getpid()) + "/" + file)) << file;
  }
  stop();
}

TEST_F(PluginFaultTest, G1_JobsThatNeedAForgeThatIsAwayWaitAtNoCostAndGoOnWhenItIsBack) {
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

TEST_F(PluginFaultTest, G6_JobsWaitUntilTheForgeHasSaidWhatBecameOfAnInterruptedWrite) {
  start();
  const auto before = enqueue("gitea_issue_triage");
  EXPECT_EQ(wait_for(before)["state"], "completed");
  stop();
  {
    Connection writer(paths_.database(), Connection::Mode::writer);
    writer.execute(("INSERT INTO intents(job, lease, method, target, request_hash, state, created) "
                    "SELECT id, run_lease, 'gitea/1.add_labels', 'demo/app#1', 'hash', 'open', 0 "
                    "FROM jobs WHERE id=" +
                    std::to_string(before))
                       .c_str());
  }
  const auto asked = [&] {
    std::size_t count = 0;
    forge_.with([&](forge::Forge& forge) { count = forge.requests("GET", "/issues/1").size(); });
    return count;
  };
  forge_.with([](forge::Forge& forge) {
    forge.clear_requests();
    forge.faults.add(forge::Fault::status(503).on("GET", "/issues/1").repeat(10'000));
  });
  start();
  const auto id = enqueue("gitea_issue_triage");
  ASSERT_TRUE(eventually([&] { return asked() > 0; }));
  EXPECT_TRUE(eventually([&] {
    return client().get("/v1/status")["attention"].dump().find("interrupted writes") !=
           std::string::npos;
  })) << log();
  const auto once = asked();
  EXPECT_TRUE(eventually([&] { return asked() > once; })) << "it is not asked again";
  EXPECT_TRUE(job(id)["attempts"].empty()) << job(id).dump(2);
  EXPECT_EQ(job(id)["state"], "available");

  forge_.with([](forge::Forge& forge) { forge.faults.clear(); });
  EXPECT_EQ(wait_for(id)["state"], "completed");
  EXPECT_EQ(count("SELECT count(*) FROM intents WHERE state='open'"), 0);
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
