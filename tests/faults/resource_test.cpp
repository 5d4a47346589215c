// SPDX-License-Identifier: Apache-2.0
//
// Rows H7, H8, H10 and H12: a host that is stopped for a while, that hangs, that has no descriptors
// left, and whose stderr is gone or full.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "faults/fault_bench.hpp"

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

TEST_F(ResourceTest, H12_WhereTheLogCantBeWrittenLinesAreLostAndNotTheHost) {
  log_file_ = "/dev/full";
  start();
  enqueue("echo");
  enqueue("echo_fail");
  EXPECT_EQ(wait_for(*acknowledged_.begin())["state"], "completed");
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
