// SPDX-License-Identifier: Apache-2.0
#include "sdk_bench.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "base/file.hpp"
#include "base/redactor.hpp"
#include "base/test_folder.hpp"
#include "figure.hpp"
#include "host_process.hpp"
#include "proc.hpp"
#include "workers/pool.hpp"

namespace bench {
namespace {

using namespace host;

constexpr int kCalls = 20'000;  // as noop.c has it
constexpr int kSwaps = 1'000;
constexpr Seconds kTime(2.5);  // of one measurement

// Answers each call at once: what is measured is the way there and back.
struct NoServices final : ServiceHandler {
  void call(ServiceCall, Reply<std::string> reply) override { reply(std::string("{}")); }
  void log(RunId, std::string_view, Level, std::string_view) override {}
};

std::shared_ptr<const PluginImage> image_of(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return PluginImage::copy_of(file.get(), path);
}

// A pool that runs the plugin of nothing, one run after another.
class Ground {
 public:
  explicit Ground(bool fresh = false) : fresh_(fresh) { use(image_of(TIMMY_NOOP)); }

  void use(std::shared_ptr<const PluginImage> image) {
    WorkerSpec spec;
    spec.image = std::move(image);
    spec.plugin_id = "noop";
    spec.config_json = "{}";
    spec.scratch = folder_ / "scratch";
    spec.recycle_after = 1'000'000;
    spec.fresh = fresh_;
    spec_ = std::make_shared<const WorkerSpec>(std::move(spec));
  }

  void rest(std::chrono::milliseconds time) { context_.run_for(time); }

  // Microseconds from submit() to the outcome.
  double run(const std::string& task) {
    bool done = false;
    RunRequest request;
    request.run = {JobId(++next_), RunLease(next_)};
    request.task = task;
    request.job_json = R"({"payload":{}})";
    request.timeout = std::chrono::seconds(60);
    const auto start = std::chrono::steady_clock::now();
    pool_.submit(
        spec_, std::move(request), [] {},
        [&](RunOutcome outcome) {
          if (outcome.verdict.kind != Verdict::Kind::completed)
            throw Error(Code::internal, "the plugin of nothing failed: " + outcome.verdict.message);
          done = true;
        });
    while (!done) context_.run_one();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
        .count();
  }

 private:
  TestFolder folder_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  NoServices services_;
  bool fresh_;
  std::int64_t next_ = 0;
  std::shared_ptr<const WorkerSpec> spec_;
  WorkerPool pool_{context_, loop_, Log::to_stderr(Level::warn, std::make_shared<Redactor>()),
                   TIMMY_WORKER, services_};
};

// What a measurement does. With a `pause` after each run the host has nothing else to do when the
// next one comes.
struct Runs {
  std::string task = "noop";
  std::chrono::milliseconds pause{0};
};

// Each run's time, as many as fit.
std::vector<double> times_of(Ground& ground, Seconds time, const Runs& runs) {
  std::vector<double> times;
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < time) {
    times.push_back(ground.run(runs.task));
    if (runs.pause.count() > 0) ground.rest(runs.pause);
  }
  return times;
}

// The median of each measurement, and of their p99; in each run `parts` of what is measured.
struct RunTimes {
  explicit RunTimes(Ground& ground, const Runs& runs = {}, int parts = 1) {
    (void)times_of(ground, Seconds(0.2), runs);
    for (int run = 0; run < kRuns; ++run) {
      const auto times = times_of(ground, kTime, runs);
      medians.add(median(times) / parts, kTime);
      p99.add(percentile(times, 0.99) / parts, kTime);
    }
  }
  Series medians, p99;
};

// A plugin's file that is replaced again and again under a running host.
class Swaps {
 public:
  // Puts the first file there; start the host then, with that folder.
  Swaps(HostProcess& host, std::filesystem::path folder) : host_(host), folder_(std::move(folder)) {
    put();
  }

  // As an installer does it: whole, by a rename. Then a job runs on the new bytes.
  void swap() {
    put();
    host_.client().post("/v1/reload");
    const Json plugins = host_.client().get("/v1/plugins").at("plugins");
    for (const auto& plugin : plugins)
      if (plugin.at("id") == "noop" && plugin.at("sha256") == digest_)
        throw Error(Code::internal, "the host did not see the new bytes");
      else if (plugin.at("id") == "noop")
        digest_ = plugin.at("sha256").get<std::string>();
    const auto id = host_.client().post("/v1/jobs", {{"task", "noop"}}).at("id");
    const auto job =
        host_.client().get("/v1/jobs/" + std::to_string(id.get<std::int64_t>()) + "?wait=20");
    if (job.at("state") != "completed") throw Error(Code::internal, "a job failed: " + job.dump());
  }

  struct Left {
    double descriptors = 0, processes = 0;
    double memory = 0;  // KiB
  };
  // Once the host is through with the last swap: the worker of the older bytes has gone, the
  // folders are quiet.
  [[nodiscard]] Left left() const {
    ::poll(nullptr, 0, 3000);
    return {static_cast<double>(open_descriptors(host_.pid())),
            static_cast<double>(children(host_.pid()).size()), memory_of(host_.pid(), "Anonymous")};
  }

 private:
  // Other bytes each time, the same code: what comes after the end of an ELF file is nobody's.
  void put() {
    std::filesystem::copy_file(TIMMY_NOOP, folder_ / ".noop.so");
    std::ofstream(folder_ / ".noop.so", std::ios::app) << ++times_;
    std::filesystem::rename(folder_ / ".noop.so", folder_ / "noop.so");
  }

  HostProcess& host_;
  std::filesystem::path folder_;
  std::string digest_;
  int times_ = 0;
};

int compile(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TIMMY_COMPILER);
  std::vector<char*> raw;
  for (auto& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  pid_t child = -1;
  int status = 0;
  if (::posix_spawnp(&child, raw[0], nullptr, nullptr, raw.data(), environ) != 0) return -1;
  return ::waitpid(child, &status, 0) == child ? status : -1;
}

}  // namespace

void sdk_call_roundtrip(const Output& output) {
  Ground ground;
  const RunTimes times(ground, {.task = "noop_calls"}, kCalls);
  output.print({"sdk.call_roundtrip", times.medians.median(), "us", std::nullopt,
                fmt::format("a service call, answered at once; runs of {} calls; {}", kCalls,
                            times.medians.note())});
}

void sdk_pooled_run(const Output& output) {
  Ground ground;
  const RunTimes times(ground);
  output.print({"sdk.pooled_run", times.medians.median(), "us", std::nullopt,
                fmt::format("a run in a worker that is there; p99 {:.0f}; {}", times.p99.median(),
                            times.medians.note())});
}

void sdk_fresh_run(const Output& output) {
  constexpr const char* kInARow = "sdk.fresh_run.in_a_row";
  Ground ground(true);
  const RunTimes times(ground, {.pause = std::chrono::milliseconds(5)});
  output.print({"sdk.fresh_run", times.medians.median(), "us", 2000,
                fmt::format("a run in a process of its own, on an idle host, to its result; p99 "
                            "{:.0f}; {}; the baseline is the bar",
                            times.p99.median(), times.medians.note())});
  if (!output.wants(kInARow)) return;
  const RunTimes in_a_row(ground);
  output.print({kInARow, in_a_row.medians.median(), "us", std::nullopt,
                fmt::format("the same, each as soon as the one before has its result; p99 {:.0f}; "
                            "{}",
                            in_a_row.p99.median(), in_a_row.medians.note())});
}

namespace {

// Seconds to compile `text` as a plugin is.
Series compile_times(const std::string& text) {
  const TestFolder folder;
  const auto source = folder / "plugin.cpp";
  std::ofstream(source) << text;
  Series times;
  for (int i = 0; i < kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const int ended =
        compile({"-std=c++20", "-O2", "-fPIC", "-c", std::string("-I") + TIMMY_SDK_INCLUDE,
                 source.string(), "-o", (folder / "plugin.o").string()});
    if (ended != 0) throw Error(Code::internal, "the compiler failed");
    const Seconds took = std::chrono::steady_clock::now() - start;
    times.add(took.count(), took);
  }
  return times;
}

}  // namespace

void sdk_compile(const Output& output) {
  const std::string header = "#include <timmy/plugin.hpp>\n";
  const auto alone = compile_times(header);
  output.print({"sdk.header_compile", alone.median(), "s", 3,
                "timmy/plugin.hpp at -O2; " + alone.note() + "; the baseline is the bar"});
  if (!output.wants("sdk.plugin_compile")) return;
  const auto plugin = compile_times(
      header +
      "struct P { timmy::Json run(const timmy::Job&, timmy::Context&) { return {}; } };\n"
      "TIMMY_PLUGIN(P)\n");
  const auto json = compile_times(
      "#include <nlohmann/json.hpp>\n"
      "using nlohmann::json;\n"
      "std::string copy(const std::string& text) { return json::parse(text).dump(); }\n");
  output.print({"sdk.plugin_compile", plugin.median(), "s", json.median(),
                "a plugin of one line at -O2; " + plugin.note() +
                    "; baseline: nlohmann_json's parse and dump alone, " + json.note()});
}

void sdk_hot_swaps(const Output& output) {
  HostProcess host(false);
  const auto folder = host.paths().timmy_home / "dropped";
  make_directories(folder, 0755);
  Swaps swaps(host, folder);
  host.start({"--plugin-dir", folder.string()});
  for (int i = 0; i < kSwaps / 2; ++i) swaps.swap();
  const auto before = swaps.left();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kSwaps; ++i) swaps.swap();
  const Seconds took = std::chrono::steady_clock::now() - start;
  const auto after = swaps.left();
  const auto what = fmt::format(
      "{} swaps of a plugin's file by rename under a running host, each with a reload, a look at "
      "the new digest and a job, {:.0f} ms a swap",
      kSwaps, 1000 * took.count() / kSwaps);
  output.print({"sdk.hot_swaps",
                after.descriptors - before.descriptors + after.processes - before.processes, "left",
                std::nullopt,
                fmt::format("open descriptors and child processes of the host, by /proc, after {} "
                            "over before: {:.0f} and {:.0f}",
                            what, after.descriptors - before.descriptors,
                            after.processes - before.processes)});
  output.print(
      {"sdk.hot_swaps.memory", after.memory - before.memory, "KiB", std::nullopt,
       fmt::format("the host's anonymous memory after {}; before: {:.0f}", what, before.memory)});
}

}  // namespace bench
