// SPDX-License-Identifier: Apache-2.0
#include "host_bench.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/test_folder.hpp"
#include "control/admin_client.hpp"
#include "figure.hpp"
#include "plugins/test_plugin.hpp"
#include "store/connection.hpp"

namespace bench {
namespace {

using namespace host;

SpawnRequest command(const std::filesystem::path& home, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "timmy-host");
  return {
      .program = TIMMY_HOST,
      .arguments = std::move(arguments),
      .environment = {
          {"HOME", home.string()}, {"TIMMY_HOME", home.string()}, {"HERMES_HOME", home.string()}}};
}

void wait_for(Child& child) {
  pollfd ended{child.pidfd(), POLLIN, 0};
  ::poll(&ended, 1, 30'000);
  const auto exit = child.reap();
  if (!exit || exit->signalled || exit->number != 0) throw Error(Code::io, "timmy-host failed");
}

// A line of /proc/PID/smaps_rollup, in MiB.
double rollup(pid_t pid, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double kib = 0;
    if (words >> name >> kib && name == field + ":") return kib / 1024;
  }
  throw Error(Code::io, "no " + field + " in smaps_rollup");
}

}  // namespace

void idle(bool json) {
  const TestFolder folder;
  auto child = spawn(command(folder.path(), {"run"}));
  Paths paths;
  paths.timmy_home = paths.run = folder.path();
  paths.run = folder / "run";
  const AdminClient client(paths);
  for (int i = 0; i < 500 && !client.running(); ++i) ::usleep(10'000);
  // The command's own connection is closed, and what a start allocates is given back.
  ::sleep(5);
  print({"host.idle_anon", rollup(child.pid(), "Anonymous"), "MiB", std::nullopt,
         "no workers, no plugin enabled"},
        json);
  print({"host.idle_pss", rollup(child.pid(), "Pss"), "MiB", std::nullopt, "likewise"}, json);
  child.signal_group(SIGTERM);
  wait_for(child);
}

void ready_100k(bool json) {
  const TestFolder folder;
  Paths paths;
  paths.timmy_home = folder.path();
  paths.run = folder / "run";
  const AdminClient client(paths);
  std::vector<double> times;
  for (int start = 0; start < 6; ++start) {
    const auto begun = std::chrono::steady_clock::now();
    auto child = spawn(command(folder.path(), {"run"}));
    while (!client.running()) ::usleep(1000);
    const Seconds took = std::chrono::steady_clock::now() - begun;
    if (start > 0) {
      times.push_back(took.count() * 1000);
      child.signal_group(SIGKILL);
      pollfd ended{child.pidfd(), POLLIN, 0};
      ::poll(&ended, 1, 30'000);
      continue;
    }
    child.signal_group(SIGTERM);
    wait_for(child);
    Connection database(paths.database(), Connection::Mode::writer);
    database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
        "INSERT INTO jobs(task, state, priority, rank, max_attempts, inserted_at, source, payload) "
        "SELECT 'noop', 'available', 5, i, 5, 1, 'bench', zeroblob(100) FROM n");
    database.execute("UPDATE settings SET value='0' WHERE key='stopped_cleanly'");
  }
  print({"host.ready_100k", median(times), "ms", std::nullopt,
         "start to the first answer, after a kill -9, 100,000 jobs waiting"},
        json);
}

void list_100(bool json) {
  const TestFolder folder;
  const auto plugins = folder / "plugins";
  std::filesystem::create_directory(plugins);
  for (int i = 0; i < 100; ++i) {
    const auto id = "plugin" + std::to_string(i);
    std::string bytes = TestElf(test_manifest(id).dump()).bytes();
    bytes.resize(1'000'000, '\0');
    std::ofstream(plugins / (id + ".so")) << bytes;
  }
  std::vector<double> times;
  for (int run = 0; run < 12; ++run) {
    const auto start = std::chrono::steady_clock::now();
    auto child = spawn(command(folder.path(), {"--list-tasks"}));
    wait_for(child);
    const Seconds took = std::chrono::steady_clock::now() - start;
    if (run >= 2) times.push_back(took.count() * 1000);
  }
  print({"catalogue.list_100", median(times), "ms", std::nullopt,
         "the whole command, 100 plugins of 1 MB, warm"},
        json);
}

}  // namespace bench
