// SPDX-License-Identifier: Apache-2.0
//
// `db check`, `db backup` and `db restore` as a person runs them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>

#include "base/error.hpp"
#include "base/process.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;

class BackupCommandTest : public FaultBench {
 protected:
  // Runs timmy-host with these words: its exit status. What it said is in output().
  int command(std::vector<std::string> words) {
    words.insert(words.begin(), "timmy-host");
    SpawnRequest request{.program = TIMMY_BIN "/timmy-host", .arguments = std::move(words)};
    request.environment = {{"TIMMY_HOME", paths_.timmy_home.string()},
                           {"HERMES_HOME", paths_.hermes_home.string()}};
    const Fd said(
        ::open((folder_ / "said").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    request.descriptors = {{said.get(), 1}, {said.get(), 2}};
    Child child = spawn(request);
    pollfd ended{child.pidfd(), POLLIN, 0};
    if (::poll(&ended, 1, 60'000) != 1) return -1;
    return child.reap()->number;
  }
  std::string output() { return read_file(folder_ / "said", 1 << 20); }
};

TEST_F(BackupCommandTest, ARestoredHostGoesOnWithWhatWasThereThen) {
  const auto file = (folder_ / "copy.db").string();
  start();
  const auto kept = enqueue("echo");
  (void)wait_for(kept);
  const auto runs = enqueue("echo_wait", {{"ms", 1500}});
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
  ASSERT_EQ(command({"db", "backup", file}), 0) << output();
  EXPECT_EQ(command({"db", "backup", file}), 1) << "a backup was overwritten";
  EXPECT_THAT(output(), HasSubstr("--force"));
  EXPECT_EQ(command({"db", "backup", file, "--force"}), 0) << output();
  EXPECT_EQ(command({"db", "check"}), 0) << output();
  const auto later = enqueue("echo");
  EXPECT_EQ(command({"db", "restore", file}), 75) << "under a running host";
  stop();
  EXPECT_EQ(count("SELECT count(*) FROM audit WHERE what IN ('db.backup', 'db.check')"), 4);

  ASSERT_EQ(command({"db", "check", file}), 0) << output();
  ASSERT_EQ(command({"db", "restore", file}), 0) << output();
  EXPECT_THAT(output(), HasSubstr("host.db.before-restore-"));
  ASSERT_EQ(command({"db", "check"}), 0) << output();
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE id=" + std::to_string(later)), 0);
  acknowledged_.erase(later);
  start();
  EXPECT_EQ(wait_for(kept)["state"], "completed");
  EXPECT_EQ(wait_for(runs)["interrupted"], 1);
  expect_all_completed();
  stop();
  check_invariants();
}

TEST_F(BackupCommandTest, WithoutAHostABackupSaysThatItNeedsOne) {
  EXPECT_EQ(command({"db", "backup", (folder_ / "copy.db").string()}), 69);
  EXPECT_THAT(output(), HasSubstr("timmy-host run"));
  EXPECT_EQ(command({"db", "check"}), 66) << output();
}

}  // namespace
}  // namespace host::faults
