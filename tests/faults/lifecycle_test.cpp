// SPDX-License-Identifier: Apache-2.0
//
// Rows H4 to H6 and H9: stopping, reloading, and a second host.
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

using ::testing::AllOf;
using ::testing::HasSubstr;

class LifecycleTest : public FaultBench {
 protected:
  // A job that runs for a minute unless it is stopped, in a worker now.
  std::int64_t long_job() {
    const auto id = enqueue("echo_wait", {{"ms", 60'000}});
    EXPECT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
    return id;
  }
  // True once the service manager is told `what`.
  [[nodiscard]] bool hears(const std::string& what) {
    return eventually(
        [&] { return host().heard(std::chrono::seconds(5)).find(what) != std::string::npos; });
  }
  // SIGTERM, once; the service manager is told; the end with status 0.
  void drain() {
    host().signal(SIGTERM);
    EXPECT_TRUE(hears("STOPPING=1"));
    const auto exit = host().wait();
    EXPECT_FALSE(exit.signalled);
    EXPECT_EQ(exit.number, 0) << log();
    host_.reset();
  }
  // What echo answers from its config.
  std::string word() {
    return wait_for(enqueue("echo"))["result"]["config"]["word"].get<std::string>();
  }
  // All bytes of the database's files.
  [[nodiscard]] std::map<std::string, std::string> database() const {
    std::map<std::string, std::string> files;
    for (const char* end : {"", "-wal", "-shm"})
      files[end] = read_file(paths_.database().string() + end, 1 << 26);
    return files;
  }
};

TEST_F(LifecycleTest, H4_SigtermLetsAnIdleHostGoAtOnce) {
  start();
  drain();
  check_invariants();
  EXPECT_THAT(log(), HasSubstr("stopped"));
}

TEST_F(LifecycleTest, H4_ADrainWaitsForWhatRunsAndBeginsNothingMore) {
  write_config({{"defaults", {{"queue", {{"concurrency", 1}}}}}});
  start();
  const auto running = enqueue("echo_wait", {{"ms", 1000}});
  for (const char* task : {"echo_wait", "echo", "echo", "echo_fail"}) enqueue(task, {{"ms", 1}});
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
  drain();
  EXPECT_EQ(count("SELECT state='completed' FROM jobs WHERE id=" + std::to_string(running)), 1);
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE state='available' AND attempt=0"), 4)
      << "a job was begun after the signal";
  check_invariants();
}

TEST_F(LifecycleTest, H4_PastTheGraceAJobGoesBackWithoutAnAttemptBurned) {
  write_config({{"defaults", {{"queue", {{"shutdown_grace", "200ms"}}}}}});
  start();
  const auto id = long_job();
  drain();
  const auto where = " FROM jobs WHERE id=" + std::to_string(id);
  EXPECT_EQ(count("SELECT state='available' AND attempt=0 AND interrupted=1" + where), 1);
  check_invariants();
}

TEST_F(LifecycleTest, H5_ASecondSignalEndsTheDrainAtOnce) {
  start();
  const auto id = long_job();
  host().signal(SIGTERM);
  EXPECT_TRUE(hears("STOPPING=1"));
  host().signal(SIGINT);
  const auto exit = host().wait(std::chrono::seconds(15));
  EXPECT_EQ(exit.number, 0);
  host_.reset();
  EXPECT_EQ(count("SELECT attempt=0 AND interrupted=1 FROM jobs WHERE id=" + std::to_string(id)),
            1);
  check_invariants();
}

TEST_F(LifecycleTest, H6_AGoodConfigIsTaken) {
  start();
  EXPECT_EQ(word(), "echo") << "the plugin's own default";
  EXPECT_EQ(client().get("/v1/status")["last_reload"], nullptr);
  write_config({{"defaults", {{"plugins", {{"echo", {{"config", {{"word", "new"}}}}}}}}}});
  client().post("/v1/reload");
  EXPECT_EQ(word(), "new") << "the new config was not taken";
  EXPECT_EQ(client().get("/v1/status")["last_reload"]["ok"], true);

  write_config();
  host().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return word() == "echo"; })) << "SIGHUP did not reload";
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, H6_ABadOrHalfWrittenConfigLeavesTheOldOneWithOneClearError) {
  write_config({{"defaults", {{"plugins", {{"echo", {{"config", {{"word", "old"}}}}}}}}}});
  start();
  for (const char* text : {"defaults:\n  pluggins: {}\n", "defaults:\n  plugins: {echo: {"}) {
    SCOPED_TRACE(text);
    std::ofstream(paths_.host_yaml()) << text;
    clear_log();
    try {
      client().post("/v1/reload");
      ADD_FAILURE() << "a broken config was taken";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("host.yaml:2:"));
    }
    EXPECT_EQ(word(), "old");
    const Json last = client().get("/v1/status")["last_reload"];
    EXPECT_EQ(last["ok"], false);
    EXPECT_THAT(last["error"].get<std::string>(), HasSubstr("host.yaml:2:"));

    clear_log();
    host().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return !log().empty(); })) << "not a word";
    EXPECT_THAT(log(), AllOf(HasSubstr("kept the old configuration"), HasSubstr("host.yaml:2:")));
    EXPECT_EQ(word(), "old");
  }
  write_config();
  stop();
  check_invariants();
}

TEST_F(LifecycleTest, H9_ASecondHostIsRefusedWith75AndTheFirstOnesPid) {
  // Which clears up, at its start, what a host before it has left half made.
  const Json playbook{{"enabled", true}, {"repositories", {"nobody/nothing"}}};
  write_config({{"defaults", {{"playbooks", {{"bug-fixer", playbook}}}}}});
  const auto half_made = paths_.clones() / ".making-x";
  std::filesystem::create_directories(half_made);
  start();
  EXPECT_FALSE(std::filesystem::exists(half_made));
  std::filesystem::create_directories(half_made);
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  const auto first = std::move(host_);
  // Stopped, so that what is written then is the second one's doing.
  ::kill(first->pid(), SIGSTOP);
  const auto before = database();
  EXPECT_EQ(refused_start(), 75);
  EXPECT_EQ(database(), before) << "the second host wrote to the first one's database";
  EXPECT_TRUE(std::filesystem::exists(half_made)) << "or cleared up in its clones";
  ::kill(first->pid(), SIGCONT);
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

}  // namespace
}  // namespace host::faults
