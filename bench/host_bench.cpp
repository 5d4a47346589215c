// SPDX-License-Identifier: Apache-2.0
#include "host_bench.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "bare_loop.hpp"
#include "base/error.hpp"
#include "figure.hpp"
#include "host_process.hpp"
#include "plugins/test_plugin.hpp"
#include "store/connection.hpp"

namespace bench {
namespace {

using namespace host;
using std::chrono::steady_clock;

// A figure of a line "NAME:   123 ..." in one of /proc's files.
double proc_figure(const std::filesystem::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    double number = 0;
    if (words >> first >> number && first == name + ":") return number;
  }
  throw Error(Code::io, "no " + name + " in " + path.string());
}

// How often a process left its sleep, all threads together, since it started.
double wakeups(pid_t pid) {
  double all = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    all += proc_figure(thread.path() / "status", "voluntary_ctxt_switches");
  return all;
}

}  // namespace

void idle(bool json) {
  HostProcess host;
  host.start();
  host.command({"enqueue", "noop", "--wait"});
  // Its worker goes after a minute without a job, and then what it had is given back.
  ::sleep(70);
  const std::filesystem::path rollup = "/proc/" + std::to_string(host.pid()) + "/smaps_rollup";
  const double before = wakeups(host.pid());
  ::sleep(60);
  const double after = wakeups(host.pid());
  print({"host.idle_anon", proc_figure(rollup, "Anonymous") / 1024, "MiB", std::nullopt,
         "one plugin enabled, a job run, its worker gone"},
        json);
  print({"host.idle_pss", proc_figure(rollup, "Pss") / 1024, "MiB", std::nullopt, "likewise"},
        json);
  print({"host.idle_wakeups", after - before, "a minute", std::nullopt,
         "likewise, no schedule due; all threads"},
        json);
  host.stop();
}

void ready_100k(bool json) {
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
  std::vector<double> times;
  for (int run = 0; run < 5; ++run) {
    const auto begun = steady_clock::now();
    host.start();
    times.push_back(Seconds(steady_clock::now() - begun).count() * 1000);
    host.kill();
  }
  print({"host.ready_100k", median(times), "ms", std::nullopt,
         "start to the first answer, after a kill -9, 100,000 jobs waiting"},
        json);
}

void enqueue_batch(bool json) {
  constexpr int kJobs = 100'000, kRuns = 3;
  HostProcess host;
  const auto file = host.paths().timmy_home / "jobs.jsonl";
  {
    std::ofstream lines(file);
    for (int i = 0; i < kJobs; ++i)
      lines << R"({"task":"noop","payload":{"text":")" << std::string(88, 'x') << "\"}}\n";
  }
  host.start();
  host.command({"tasks", "pause", "noop"});
  std::vector<double> ours, bare;
  for (int run = 0; run < kRuns; ++run) {
    const TestFolder folder;
    bare.push_back(bare_loop(folder.path(), Seconds(2)));
    const auto begun = steady_clock::now();
    host.command({"enqueue", "--batch", file.string()});
    ours.push_back(kJobs / Seconds(steady_clock::now() - begun).count());
  }
  host.stop();
  print({"queue.enqueue_batch", median(ours), "jobs/s", median(bare),
         "timmy-host enqueue --batch FILE of 100,000 lines, the whole command; baseline: bare "
         "SQLite loop"},
        json);
}

void list_100(bool json) {
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
  std::vector<double> times;
  for (int run = 0; run < 12; ++run) {
    const auto begun = steady_clock::now();
    host.command({"--list-tasks", "--plugin-dir", folder.string()});
    if (run >= 2) times.push_back(Seconds(steady_clock::now() - begun).count() * 1000);
  }
  print({"catalogue.list_100", median(times), "ms", std::nullopt,
         "the whole command, 100 plugins of 1 MB, warm"},
        json);
}

}  // namespace bench
