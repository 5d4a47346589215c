// SPDX-License-Identifier: Apache-2.0
//
// Rows H7, H8, H10 to H12: a host that is stopped for a while, that hangs, that has no descriptors
// or no memory left, and whose stderr is gone or full.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "faults/fault_bench.hpp"
#include "workers/sanitizers.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;

class ResourceTest : public FaultBench {
 protected:
  // Acknowledged now, due in `milliseconds`.
  std::int64_t enqueue_later(const std::string& task, int milliseconds) {
    const auto id = client()
                        .post("/v1/jobs", {{"task", task}, {"delay_ms", milliseconds}})
                        .at("id")
                        .get<std::int64_t>();
    acknowledged_.insert(id);
    return id;
  }
  // What RLIMIT_DATA counts, in bytes.
  static rlim_t data_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("VmData:")) return std::stoul(line.substr(7)) * 1024;
    return 0;
  }
  void expect_each_ran_once() {
    EXPECT_EQ(count("SELECT count(*) FROM (SELECT 1 FROM history WHERE verdict='completed' "
                    "GROUP BY job HAVING count(*) > 1)"),
              0);
  }
};

TEST_F(ResourceTest, H7_AHostThatWasStoppedForAWhileRunsNothingTwice) {
  write_config({{"defaults", {{"plugins", {{"echo", {{"schedule", {{"echo", "every: 1s"}}}}}}}}}});
  start();
  enqueue("echo_wait", {{"ms", 500}});
  enqueue_later("echo", 200);
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] >= 1; }));
  ::kill(host().pid(), SIGSTOP);
  const char* const given = std::getenv("TIMMY_STOP_SECONDS");
  ::poll(nullptr, 0, given == nullptr ? 3000 : 1000 * std::atoi(given));
  ::kill(host().pid(), SIGCONT);
  expect_all_completed();
  stop();
  check_invariants();
  expect_each_ran_once();
}

TEST_F(ResourceTest, H8_ALoopThatHangsStopsItsPingsAndTheNextHostGoesOn) {
  start({{"TIMMY_FAILPOINT", "workers.before_submit=sleep"}, {"WATCHDOG_USEC", "200000"}});
  const auto heard_ping = [&] {
    return host().heard(std::chrono::seconds(2)).find("WATCHDOG=1") != std::string::npos;
  };
  EXPECT_TRUE(eventually(heard_ping)) << "it never pinged";
  enqueue_later("echo", 100);
  EXPECT_TRUE(eventually([&] { return host().heard(std::chrono::seconds(2)).empty(); }))
      << "it pings though its loop hangs";
  host().signal(SIGABRT);  // as systemd does then
  EXPECT_TRUE(host().wait().signalled);
  host_.reset();
  check_invariants();
  start();
  expect_all_completed();
  stop();
  check_invariants();
  expect_each_ran_once();
}

TEST_F(ResourceTest, H10_WithoutDescriptorsNothingIsLostAndItGoesOnWithThem) {
  if (kSanitized)
    GTEST_SKIP() << "a sanitizer opens a pipe to see whether an object can be read, and ends the "
                    "host when there is none to be had";
  start();
  const auto id = enqueue_later("echo", 300);
  rlimit before{};
  const rlimit none{3, 0};
  ASSERT_EQ(::prlimit(host().pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  rlimit few = before;
  few.rlim_cur = none.rlim_cur;
  ASSERT_EQ(::prlimit(host().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  ::poll(nullptr, 0, 1500);  // it is due, and no worker can start
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE state='completed'"), 0);
  ASSERT_EQ(::prlimit(host().pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  const Json job = wait_for(id);
  EXPECT_EQ(job["state"], "completed") << job.dump(2);
  EXPECT_THAT(log(), HasSubstr("Too many open files"));
  stop();
  check_invariants();
}

TEST_F(ResourceTest, H10_WithoutProcessesNothingIsLostAndItGoesOnWithThem) {
  start_failing();
  fail({{"spawn", EAGAIN}});
  const auto id = enqueue("echo");
  ASSERT_TRUE(eventually(
      [&] { return log().find("Resource temporarily unavailable") != std::string::npos; }));
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE state='completed'"), 0);
  EXPECT_THAT(to_text(client().get("/v1/status")["attention"]),
              HasSubstr("no worker can be started"));
  fail({});
  const Json job = wait_for(id);
  EXPECT_EQ(job["state"], "completed") << job.dump(2);
  EXPECT_EQ(job["attempt"], 1) << "a start that failed was burned as an attempt";
  stop();
  check_invariants();
}

TEST_F(ResourceTest, H10_WithoutThreadsWhatNeedsOneIsRefusedAndTheHostGoesOn) {
  start_failing();
  fail({{"thread", EAGAIN}});
  EXPECT_THROW((void)client().post("/v1/db/check"), Error);
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  fail({});
  EXPECT_EQ(client().post("/v1/db/check")["task"], "check");
  stop();
  check_invariants();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// Whether it refuses the one request or ends is the allocator's luck; what is acknowledged stays.
TEST_F(ResourceTest, H11_WithoutMemoryNothingIsHalfDoneAndNothingIsLost) {
  const Json payload{{"x", std::string(700'000, 'x')}};
  int ended = 0;
  for (const rlim_t spare :
       {rlim_t{64} << 10, rlim_t{512} << 10, rlim_t{2} << 20, rlim_t{6} << 20}) {
    SCOPED_TRACE(spare);
    start();
    enqueue("echo");
    const rlimit limit{data_of(host().pid()) + spare, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(host().pid(), RLIMIT_DATA, &limit, nullptr), 0);
    bool refused = false;
    for (int i = 0; i < 40 && !refused; ++i) {
      try {
        enqueue("echo", payload);
      } catch (const Error&) {
        refused = true;
      }
    }
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    ::prlimit(host().pid(), RLIMIT_DATA, &none, nullptr);
    const bool runs = client().running();
    EXPECT_TRUE(refused || !runs || spare > rlim_t{128} << 10) << "it had all that it needed";
    if (runs) {
      expect_all_completed();
      stop();
    } else {
      ++ended;
      (void)host().wait();
      host_.reset();
    }
    check_invariants();
  }
  RecordProperty("ended", ended);
  start();
  expect_all_completed();
  stop();
  check_invariants();
}

#endif

TEST_F(ResourceTest, H12_WhereTheLogCantBeWrittenLinesAreLostAndNotTheHost) {
  log_file_ = "/dev/full";
  start();
  enqueue("echo");
  enqueue("echo_fail");
  EXPECT_EQ(wait_for(*acknowledged_.begin())["state"], "completed");
  EXPECT_THAT(client().get("/v1/status")["attention"].dump(), HasSubstr("of the log were lost"));
  stop();
  check_invariants();
}

TEST_F(ResourceTest, H12_AStderrThatNobodyReadsAnyMoreDoesNotEndTheHost) {
  log_file_ = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(log_file_.c_str(), 0600), 0);
  Fd reader(::open(log_file_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  start();
  reader.reset();
  host().signal(SIGHUP);  // something to say
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
