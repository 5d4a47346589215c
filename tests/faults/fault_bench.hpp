// SPDX-License-Identifier: Apache-2.0
//
// What the fault tests share: a real host on a real forge in a folder of its own, jobs that were
// acknowledged, and the invariants that must hold whatever was done to the host.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/loop.hpp"
#include "base/test_folder.hpp"
#include "control/admin_client.hpp"
#include "e2e/host_process.hpp"
#include "forge/forge.hpp"

namespace host::faults {

// A forge on a thread of its own.
class ForgeThread {
 public:
  ForgeThread();
  ~ForgeThread();
  [[nodiscard]] const std::string& url() const { return url_; }
  // Runs on the forge's loop, and waits.
  void with(const std::function<void(forge::Forge&)>& work);
  // How often the forge was told to add labels, by the request's target and body: once is an
  // effect, twice is an effect made again. On the forge's loop.
  [[nodiscard]] const std::map<std::string, int>& additions() const { return additions_; }
  // Called on the forge's loop with each request once its answer is known.
  using Watch = std::function<void(forge::Forge&, const forge::Logged&)>;
  void when_asked(Watch watch);

 private:
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  forge::Forge forge_{context_, loop_, clock_};
  std::string url_;
  std::map<std::string, int> additions_;
  Watch watch_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  std::thread thread_;
};

class FaultBench : public ::testing::Test {
 protected:
  FaultBench();
  ~FaultBench() override;

  // host.yaml with echo and triage; `more` is merged over it.
  void write_config(const Json& more = Json::object());

  // From now on this program is started as the host, which it becomes.
  void host_is(const std::filesystem::path& program);
  // Starts a host; `ready` waits for READY=1 and fails the test without it.
  void start(std::map<std::string, std::string> environment = {}, bool ready = true);
  [[nodiscard]] e2e::HostProcess& host() { return *host_; }
  // As start, with system calls that fail while `fail` says so.
  void start_failing();
  // For a start of that kind.
  [[nodiscard]] std::map<std::string, std::string> failing_environment() const;
  // From now on, of a host that start_failing() started: "disk", "sync", "spawn", "thread"
  // (interposer.c) with the errno that each gets. Empty: none.
  void fail(const std::map<std::string, int>& faults) const;
  // Starts a host that must not start: its exit status.
  int refused_start();
  // No child of the host that has ended is left unreaped, and it has as many files open as when it
  // was ready, but for those of its workers. Part of stop().
  void expect_nothing_left_open();
  // SIGTERM, and its end with status 0 and no job running.
  void stop();
  // SIGKILL, reaped; then its workers must go.
  void kill();
  // Of the hosts that were started here since nothing was left of them.
  [[nodiscard]] std::vector<pid_t> workers() const { return e2e::workers_of(hosts_); }

  [[nodiscard]] AdminClient client() const { return AdminClient(paths_); }
  // Enqueues; the job counts as acknowledged from then on.
  std::int64_t enqueue(const std::string& task, const Json& payload = Json::object());
  // Waits until the job has ended, and returns it; fails after two minutes.
  [[nodiscard]] Json wait_for(std::int64_t id) const;
  // Polls until `met`; false after half a minute.
  [[nodiscard]] static bool eventually(const std::function<bool()>& met);

  // With no host running: every acknowledged job is in the database, no lease went back since the
  // last look, no attempt is over its limit, no job completed twice, each tick has the one job that
  // it made, at most one write to the forge is open, and none was made again.
  void check_jobs();
  // Besides: the database is sound, no token is in it or in the log, no worker is left.
  void check_invariants();
  // All acknowledged jobs completed, once a host had the time.
  void expect_all_completed();

  // The hosts' stderr, since it was cleared.
  [[nodiscard]] std::string log() const;
  void clear_log();
  [[nodiscard]] std::int64_t count(const std::string& sql) const;

  TestFolder folder_;
  std::filesystem::path log_file_ = folder_ / "log";  // where the host's stderr goes
  Paths paths_;
  ForgeThread forge_;
  std::unique_ptr<e2e::HostProcess> host_;
  std::set<std::int64_t> acknowledged_;
  std::vector<std::filesystem::path> plugin_dirs_;
  std::filesystem::path bin_ = TIMMY_BIN;  // where the host is started from

 private:
  void expect_no_workers();

  // Files that the host has open, by its own word; nullopt if it can't be asked.
  [[nodiscard]] std::optional<int> open_files() const;

  std::set<pid_t> hosts_;
  std::optional<int> open_when_ready_;
  std::size_t cleared_ = 0;                      // of the log's bytes
  std::map<std::int64_t, std::int64_t> leases_;  // of each job, at the last look
};

// The token that the forge knows; it must not be found anywhere but in its file.
inline constexpr const char* kToken = "c4n4ry0000111122223333444455556666777788";

}  // namespace host::faults
