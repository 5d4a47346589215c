// SPDX-License-Identifier: Apache-2.0
#include "host_bench.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "bare_loop.hpp"
#include "base/error.hpp"
#include "figure.hpp"
#include "host_process.hpp"
#include "plugins/test_plugin.hpp"
#include "proc.hpp"
#include "store/connection.hpp"

namespace bench {
namespace {

using namespace host;
using std::chrono::steady_clock;

void sleep_for(std::chrono::milliseconds time) {
  ::poll(nullptr, 0, static_cast<int>(time / std::chrono::milliseconds(1)));
}

// Milliseconds from a host's SIGKILL to the end of its last worker, which is in a plugin's endless
// loop.
double end_of_orphans() {
  HostProcess host;
  host.start();
  host.client().post("/v1/jobs", {{"task", "noop_busy"}});
  while (host.client().get("/v1/status")["running"] != 1) sleep_for(std::chrono::milliseconds(1));
  std::vector<Fd> workers;
  for (const auto pid : children(host.pid()))
    workers.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (workers.empty()) throw Error(Code::internal, "no worker was there");
  const auto killed = steady_clock::now();
  host.kill();
  for (const auto& worker : workers) {
    pollfd ended{worker.get(), POLLIN, 0};
    if (::poll(&ended, 1, 60'000) != 1) throw Error(Code::timed_out, "a worker outlived its host");
  }
  return Seconds(steady_clock::now() - killed).count() * 1000;
}

}  // namespace

void idle(const Output& output) {
  HostProcess host;
  host.start();
  host.command({"enqueue", "noop", "--wait"});
  // Its worker goes after a minute without a job, and then what it had is given back.
  sleep_for(std::chrono::seconds(70));
  const auto pid = host.pid();
  const std::string what = "one plugin enabled, a job run, its worker gone; ";
  if (output.wants("host.idle_wakeups")) {
    const double before = wakeups(pid);
    sleep_for(std::chrono::minutes(1));
    output.print({"host.idle_wakeups", wakeups(pid) - before, "a minute", std::nullopt,
                  what + "no schedule due; all threads; one run of a minute"});
  }
  output.print({"host.idle_anon", memory_of(pid, "Anonymous") / 1024, "MiB", std::nullopt,
                what + "one run, looked at after 70 s or more"});
  output.print({"host.idle_pss", memory_of(pid, "Pss") / 1024, "MiB", std::nullopt,
                what + "one run, looked at after 70 s or more"});
  host.stop();
}

void orphan_end(const Output& output) {
  Series times;
  for (int run = 0; run < kRuns; ++run) times.add(end_of_orphans(), Seconds());
  output.print(
      {"workers.orphan_end", times.median(), "ms", 1000,
       fmt::format("a host's SIGKILL to the end of its last worker, which is in an endless "
                   "loop; median of {} hosts; the baseline is the bar",
                   kRuns)});
}

void ready_100k(const Output& output) {
  HostProcess host;
  host.start();
  host.command({"tasks", "pause", "noop"});
  host.stop();
  {
    Connection database(host.paths().database(), Connection::Mode::writer);
    database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
        "INSERT INTO jobs(task, state, priority, rank, max_attempts, inserted_at, source, payload) "
        "SELECT 'noop', 'available', 5, i, 5, 1, 'bench', zeroblob(100) FROM n");
    database.execute("UPDATE settings SET value='0' WHERE key='stopped_cleanly'");
  }
  Series times;
  for (int run = 0; run < 4 * kRuns; ++run) {
    const auto begun = steady_clock::now();
    host.start();
    const Seconds took = steady_clock::now() - begun;
    times.add(took.count() * 1000, took);
    host.kill();
  }
  output.print(
      {"host.ready_100k", times.median(), "ms", std::nullopt,
       "start to the first answer, after a kill -9, 100,000 jobs waiting; " + times.note()});
}

void enqueue_batch(const Output& output) {
  constexpr int kJobs = 200'000;
  const TestFolder files;
  const auto file = files / "jobs.jsonl";
  {
    std::ofstream lines(file);
    for (int i = 0; i < kJobs; ++i)
      lines << R"({"task":"noop","payload":{"text":")" << std::string(88, 'x') << "\"}}\n";
  }
  Series ours, bare, inserts;
  for (int run = 0; run < kRuns; ++run) {
    const TestFolder folder, other;
    bare.run([&] { return bare_loop(folder.path(), Seconds(2.5)); });
    inserts.run([&] { return bare_inserts(other.path(), Seconds(2.5)); });
    HostProcess host;  // a new one, since the bare loop's database is new too
    host.start();
    host.command({"tasks", "pause", "noop"});
    const auto begun = steady_clock::now();
    host.command({"enqueue", "--batch", file.string()});
    const Seconds took = steady_clock::now() - begun;
    ours.add(kJobs / took.count(), took);
    host.stop();
  }
  const auto what =
      "timmy-host enqueue --batch FILE of 200,000 lines, the whole command; " + ours.note();
  output.print({"queue.enqueue_batch", ours.median(), "jobs/s", bare.median(),
                what + "; baseline: bare SQLite loop, " + bare.note()});
  output.print({"queue.enqueue_batch.vs_inserts", ours.median(), "jobs/s", inserts.median(),
                what + "; baseline: the bare loop's inserts alone, " + inserts.note()});
}

void list_100(const Output& output) {
  const HostProcess host;
  // Named, since a folder below /tmp is not trusted otherwise.
  const auto folder = host.paths().timmy_home / "many";
  std::filesystem::create_directory(folder);
  for (int i = 0; i < 100; ++i) {
    const auto id = "plugin" + std::to_string(i);
    std::string bytes = TestElf(test_manifest(id).dump()).bytes();
    bytes.resize(1'000'000, '\0');
    std::ofstream(folder / (id + ".so")) << bytes;
  }
  Series times;
  for (int run = -2; run < 60 * kRuns; ++run) {
    const auto begun = steady_clock::now();
    host.command({"--list-tasks", "--plugin-dir", folder.string()});
    const Seconds took = steady_clock::now() - begun;
    if (run >= 0) times.add(took.count() * 1000, took);
  }
  output.print({"catalogue.list_100", times.median(), "ms", std::nullopt,
                "the whole command, 100 plugins of 1 MB, warm; " + times.note()});
}

}  // namespace bench
