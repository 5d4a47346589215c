// SPDX-License-Identifier: Apache-2.0
#include "provenance_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "host_process.hpp"
#include "proc.hpp"
#include "provenance_bare.hpp"
#include "provenance_home.hpp"
#include "python.hpp"

namespace bench {
namespace {

using namespace host;
namespace fs = std::filesystem;

constexpr int kSessions = 8'000;
constexpr const char* kPolicy = R"({"version": 1, "rules": [
  {"id": "own", "consent": "internal", "source": ["acp", "cli", "cron", "kanban", "tool"],
   "recorded_by": "bench", "recorded_at": "2026-01-01T00:00:00Z"}]})";

// A host with the plugin, and a home of Hermes beside it that it is granted.
class Ground {
 public:
  explicit Ground(int sessions) : host_(config(folder_)) {
    size_ = make_home(home(), sessions);
    fs::create_directory(folder_ / "consent");
    write_atomically(folder_ / "consent/policy.json", kPolicy);
    make_output();
    host_.start();
  }

  [[nodiscard]] fs::path home() const { return folder_ / "hermes"; }
  [[nodiscard]] fs::path pairs() const { return folder_ / "provenance/pairs"; }
  [[nodiscard]] fs::path beside(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] const HomeSize& size() const { return size_; }

  // A run's seconds, as the host has them.
  double run() {
    host_.command({"enqueue", "provenance_ingest", "--wait"});
    const auto jobs = host_.client().get("/v1/jobs?task=provenance_ingest&limit=1");
    const auto id = jobs.at("jobs").at(0).at("id").get<std::int64_t>();
    const auto job = host_.client().get("/v1/jobs/" + std::to_string(id));
    const auto& attempt = job.at("attempts").back();
    if (job.at("state") != "completed")
      throw Error(Code::internal, "the run failed: " + attempt.value("message", ""));
    result_ = job.at("result");
    return seconds_of(attempt.at("ended")) - seconds_of(attempt.at("began"));
  }
  // All anew: a cursor that is ahead of its output counts for nothing.
  double first_run() {
    fs::remove_all(folder_ / "provenance");
    make_output();
    const auto seconds = run();
    if (result_.at("emitted") != result_.at("pairs"))
      throw Error(Code::internal, "it went on where it was: " + result_.dump());
    return seconds;
  }
  [[nodiscard]] const Json& result() const { return result_; }

  // The most that its workers have at once while `what` goes on, in MiB.
  template <class Do>
  double peak_while(Do what) {
    std::atomic<bool> over = false;
    double peak = 0;
    std::thread watch([&] {
      while (!over) {
        double now = 0;
        for (const auto pid : children(host_.pid())) now += pss(pid);
        peak = std::max(peak, now / 1024);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    try {
      what();
    } catch (...) {
      over = true;
      watch.join();
      throw;
    }
    over = true;
    watch.join();
    return peak;
  }

 private:
  // With the key that provenance_peer.py has, too.
  void make_output() const {
    fs::create_directory(folder_ / "provenance");
    write_atomically(folder_ / "provenance/row.key", std::string(64, '0') + "\n", 0600);
  }
  static std::string config(const TestFolder& folder) {
    return fmt::format(
        R"(defaults:
  plugin_dirs: [{}]
  plugins:
    provenance:
      enabled: true
      schedule: {{ provenance_ingest: never, provenance_validate: never }}
      grants: {{ fs.read: [{}/hermes, {}/consent], fs.write: [{}/provenance] }}
      config:
        folder: {}/provenance
        policy: {}/consent/policy.json
        homes: [{}/hermes]
        runs: []
        transcripts: []
)",
        fs::path(TIMMY_PROVENANCE).parent_path().string(), folder.path().string(),
        folder.path().string(), folder.path().string(), folder.path().string(),
        folder.path().string(), folder.path().string());
  }
  static double seconds_of(const Json& time) {
    const auto at = parse_utc(time.get<std::string>());
    return Seconds(at.time_since_epoch()).count();
  }
  static double pss(pid_t pid) try { return memory_of(pid, "Pss"); } catch (const Error&) {
    return 0;  // it has ended
  }

  TestFolder folder_;
  HostProcess host_;
  HomeSize size_;
  Json result_;
};

// Of all files of pairs in a folder.
std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".jsonl")
      files[entry.path().filename()] = read_file(entry.path(), 256 << 20);
  return files;
}

// Seconds of the peer, whose output has to be the same.
double python_seconds(const Ground& ground) {
  const auto out = ground.beside("python");
  fs::remove_all(out);
  const auto reply =
      run_python(TIMMY_PROVENANCE_PEER, {ground.home(), out.string(), TIMMY_PROVENANCE_SOURCES});
  if (files_in(out) != files_in(ground.pairs()))
    throw Error(Code::internal, "the reader in Python made other bytes than the plugin");
  return reply.at("seconds").get<double>();
}

std::string size_text(const HomeSize& size) {
  return fmt::format("{} sessions, {} MiB", size.sessions, size.bytes >> 20);
}

}  // namespace

void provenance_ingest(const Output& output) {
  Ground ground(kSessions);
  (void)ground.first_run();  // all of it is in the page cache then
  Series plugin, parse, python, peak;
  for (int run = 0; run < kRuns; ++run) {
    double seconds = 0;
    peak.run([&] { return ground.peak_while([&] { seconds = ground.first_run(); }); });
    plugin.add(seconds, Seconds(seconds));
    if (output.wants("provenance.vs_parse"))
      parse.run([&] { return parse_seconds(ground.home()); });
  }
  const auto rate = [&](const Series& series) { return kSessions / series.median(); };
  const auto what = fmt::format("{}; {} pairs, fsync on", size_text(ground.size()),
                                ground.result().at("pairs").dump());
  if (output.wants("provenance.vs_python")) {
    for (int run = 0; run < 2; ++run) python.run([&] { return python_seconds(ground); });
    output.print({"provenance.vs_python", rate(plugin), "sessions/s", rate(python),
                  what + "; " + plugin.note() +
                      "; baseline: bench/provenance_peer.py, whose output is the same byte for "
                      "byte, " +
                      python.note()});
  }
  if (output.wants("provenance.vs_parse"))
    output.print({"provenance.vs_parse", rate(plugin), "sessions/s", rate(parse),
                  what + "; " + plugin.note() +
                      "; baseline: reading the same bytes and parsing what is JSON, " +
                      parse.note()});
  if (!output.wants("provenance.pss")) return;
  Ground few(kSessions / 8);
  Series small;
  for (int run = 0; run < kRuns; ++run)
    small.run([&] { return few.peak_while([&] { (void)few.first_run(); }); });
  output.print({"provenance.pss", peak.median(), "MiB", small.median(),
                "the most that its worker has at once, looked at every 5 ms; " +
                    size_text(ground.size()) + "; baseline: " + size_text(few.size())});
}

void provenance_unchanged(const Output& output) {
  const auto measure = [](Ground& ground, Series& series) {
    (void)ground.first_run();
    (void)ground.run();
    for (int run = 0; run < 4 * kRuns; ++run) {
      series.run([&] { return 1000 * ground.run(); });
      if (ground.result().at("sessions") != 0)
        throw Error(Code::internal, "it read " + ground.result().dump());
    }
  };
  Ground many(kSessions), few(kSessions / 8);
  Series all, some;
  measure(many, all);
  measure(few, some);
  output.print({"provenance.unchanged", all.median(), "ms", some.median(),
                "a run that finds nothing new, " + size_text(many.size()) + "; " + all.note() +
                    "; baseline: " + size_text(few.size())});
}

}  // namespace bench
