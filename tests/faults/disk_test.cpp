// SPDX-License-Identifier: Apache-2.0
//
// Rows S1 to S5, S8 to S10: what a whole host does when the disk of its database turns bad. What
// the store alone promises, failed calls of every kind among them, is in
// host/store/store_fault_test.cpp.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <cstring>
#include <fstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "faults/fault_bench.hpp"
#include "faults/own_mounts.hpp"
#include "store/connection.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;

class DiskTest : public FaultBench {
 protected:
  Json store() { return client().get("/v1/status")["store"]; }
  bool writable() { return store()["writable"] == true; }

  // Enqueues until the host says that it can't store; the error that it said.
  Error enqueue_until_refused() {
    const std::string payload(100'000, 'x');
    for (int i = 0; i < 500; ++i) {
      try {
        enqueue("echo", {{"x", payload}});
      } catch (const Error& error) {
        return error;
      }
    }
    return {Code::internal, "the disk took everything"};
  }

  // What must hold in between, and after.
  void expect_unwritable_but_alive() {
    ASSERT_TRUE(eventually([&] { return !writable(); }));
    const Json status = client().get("/v1/status");
    EXPECT_NE(status["store"]["since"], "");
    EXPECT_THAT(to_text(status["attention"]), HasSubstr("can't be written"));
    EXPECT_FALSE(client().get("/v1/jobs?limit=1")["jobs"].empty()) << "reads are not served";
  }
  void expect_goes_on() {
    ASSERT_TRUE(eventually([&] { return writable(); })) << store().dump(2);
    expect_all_completed();
    EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
    stop();
    check_invariants();
    EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE state='running'"), 0);
    const auto lines = log();
    const std::string said = "it can be written again";
    EXPECT_EQ(lines.find(said), lines.rfind(said)) << "said more than once";
  }
};

// A limit of the host's that is set while it runs.
void limit_files(pid_t pid, rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(pid, RLIMIT_FSIZE, &limit, nullptr), 0);
}

TEST_F(DiskTest, S2_PastAFileSizeLimitNothingStartsAndItGoesOnByItself) {
  start();
  const auto before = enqueue("echo");
  limit_files(host().pid(), 2 << 20);
  const Error refused = enqueue_until_refused();
  EXPECT_EQ(refused.code(), Code::unavailable) << refused.what();
  EXPECT_TRUE(refused.transient());
  expect_unwritable_but_alive();
  EXPECT_EQ(wait_for(before)["state"], "completed");
  limit_files(host().pid(), RLIM_INFINITY);
  expect_goes_on();
}

// What ran before stays, nothing starts, and what was refused is not there afterwards.
TEST_F(DiskTest, S3_ADiskThatTurnsReadOnlyIsWaitedFor) {
  start_failing();
  const auto before = enqueue("echo");
  EXPECT_EQ(wait_for(before)["state"], "completed");
  fail({{"disk", EROFS}});
  const Error refused = enqueue_until_refused();
  EXPECT_EQ(refused.code(), Code::unavailable) << refused.what();
  EXPECT_TRUE(refused.transient());
  expect_unwritable_but_alive();
  const auto jobs = acknowledged_.size();
  fail({});
  expect_goes_on();
  EXPECT_EQ(count("SELECT count(*) FROM jobs"), static_cast<std::int64_t>(jobs) + 1);
}

TEST_F(DiskTest, S4_ADiskWithErrorsIsWaitedFor) {
  start_failing();
  const auto before = enqueue("echo");
  fail({{"disk", EIO}});
  const Error refused = enqueue_until_refused();
  EXPECT_TRUE(refused.transient()) << refused.what();
  expect_unwritable_but_alive();
  fail({});
  EXPECT_EQ(wait_for(before)["state"], "completed");
  expect_goes_on();
}

TEST_F(DiskTest, S4_ADiskThatStaysBrokenEndsTheHostWith74) {
  start_failing();
  enqueue("echo");
  fail({{"disk", EIO}});
  // The first job may have ended already, and then nobody would write.
  EXPECT_THROW(enqueue("echo"), Error);
  EXPECT_EQ(host().wait().number, 74);
  host_.reset();
  EXPECT_THAT(log(), HasSubstr("20 disk errors in a row"));
  start();
  expect_all_completed();
  stop();
  check_invariants();
}

TEST_F(DiskTest, S5_ASyncThatFailsEndsTheHostAndTheNextOneGoesOn) {
  start_failing();
  enqueue("echo");
  fail({{"sync", EIO}});
  EXPECT_THROW(enqueue("echo"), Error) << "it was acknowledged though it may not be on the disk";
  EXPECT_EQ(host().wait().number, 74);
  host_.reset();
  start();
  expect_all_completed();
  stop();
  check_invariants();
}

TEST_F(DiskTest, S8_ADatabaseThatIsRemovedEndsTheHostBeforeItAcknowledges) {
  start();
  enqueue("echo");
  const auto aside = folder_ / "aside";
  std::filesystem::rename(paths_.database(), aside);
  EXPECT_THROW(enqueue("echo"), Error);
  EXPECT_EQ(host().wait().number, 74);
  host_.reset();
  EXPECT_THAT(log(), HasSubstr("host.db was removed or renamed"));
  std::filesystem::rename(aside, paths_.database());
  start();
  expect_all_completed();
  stop();
  check_invariants();
}

TEST_F(DiskTest, S8_ASecondNameOfTheDatabaseEndsTheHostAndIsRefusedAtStart) {
  start();
  enqueue("echo");
  const auto second = folder_ / "second";
  std::filesystem::create_hard_link(paths_.database(), second);
  EXPECT_THROW(enqueue("echo"), Error);
  EXPECT_EQ(host().wait().number, 74);
  host_.reset();
  EXPECT_THAT(log(), HasSubstr("host.db has 2 names"));
  EXPECT_EQ(refused_start(), 74);
  std::filesystem::remove(second);
  start();
  expect_all_completed();
  stop();
  check_invariants();
}

TEST_F(DiskTest, S9_WhileAnotherProgramHoldsTheLockTheLoopAnswersAndThenGoesOn) {
  start();
  (void)wait_for(enqueue("echo"));
  {
    Connection shell(paths_.database(), Connection::Mode::writer);
    shell.execute("BEGIN EXCLUSIVE");
    EXPECT_THROW(enqueue("echo"), Error);
    const auto asked = std::chrono::steady_clock::now();
    expect_unwritable_but_alive();
    EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(3))
        << "reads wait for somebody else's lock";
    shell.execute("ROLLBACK");
  }
  expect_goes_on();
}

TEST_F(DiskTest, S10_TheSizeOfTheLogIsToldAndALongReaderDoesNotKeepItLarge) {
  start();
  (void)wait_for(enqueue("echo"));
  {
    Connection reader(paths_.database(), Connection::Mode::reader);
    reader.execute("BEGIN");
    (void)reader.integer("SELECT count(*) FROM jobs");
    const Json payload{{"x", std::string(900'000, 'x')}};
    for (int i = 0; i < 24; ++i)
      client().post("/v1/jobs", {{"task", "echo"}, {"payload", payload}, {"delay_ms", 86'400'000}});
    EXPECT_GT(store()["wal_bytes"], 20 << 20) << "nothing pinned the log";
  }
  (void)wait_for(enqueue("echo"));
  EXPECT_LT(store()["wal_bytes"], 17 << 20);
  stop();
  EXPECT_EQ(std::filesystem::file_size(paths_.database().string() + "-wal"), 0u);
  check_invariants();
}

// TIMMY_HOME is a small file system in memory.
class MountTest : public DiskTest {
 protected:
  void mount_small(const char* size) {
    ASSERT_EQ(::mount("tmpfs", paths_.timmy_home.c_str(), "tmpfs", 0, size), 0);
    write_config();
  }
};

TEST_F(MountTest, S1_AFullDiskStopsTheClaimsAndItGoesOnWhenThereIsSpace) {
  if (!inside_own_mounts()) return;
  mount_small("size=12m,mode=700");
  start();
  const auto before = enqueue("echo");
  (void)wait_for(before);
  const auto ballast = paths_.timmy_home / "ballast";
  {
    struct statvfs disk {};
    ASSERT_EQ(::statvfs(paths_.timmy_home.c_str(), &disk), 0);
    std::ofstream(ballast) << std::string(disk.f_bavail * disk.f_bsize - (1 << 20), 'b');
  }
  const Error refused = enqueue_until_refused();
  EXPECT_EQ(refused.code(), Code::unavailable) << refused.what();
  EXPECT_THAT(refused.what(), HasSubstr("Free space"));
  expect_unwritable_but_alive();
  std::filesystem::remove(ballast);
  expect_goes_on();
}

TEST_F(MountTest, S3_AReadOnlyDiskIsRefusedAtStartWithItsPath) {
  if (!inside_own_mounts()) return;
  mount_small("size=12m,mode=700");
  start();
  (void)wait_for(enqueue("echo"));
  stop();
  const auto* const home = paths_.timmy_home.c_str();
  ASSERT_EQ(::mount(home, home, nullptr, MS_BIND, nullptr), 0) << std::strerror(errno);
  ASSERT_EQ(::mount(home, home, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0)
      << std::strerror(errno);
  SpawnRequest request{.program = TIMMY_BIN "/timmy-host", .arguments = {"timmy-host", "run"}};
  request.environment = {{"TIMMY_HOME", paths_.timmy_home.string()},
                         {"HERMES_HOME", paths_.hermes_home.string()}};
  const Fd log_file(::open((folder_ / "log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  request.descriptors = {{log_file.get(), 2}};
  EXPECT_EQ(end_of(spawn(request)), 74);
  EXPECT_THAT(log(), HasSubstr(paths_.lock().string() + ": Read-only file system"));
}

}  // namespace
}  // namespace host::faults
