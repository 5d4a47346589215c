// SPDX-License-Identifier: Apache-2.0
#include "sdk_bench.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "figure.hpp"
#include "workers/pool.hpp"

namespace bench {
namespace {

using namespace host;

constexpr int kRuns = 5'000;
constexpr int kFreshRuns = 500;
constexpr int kCalls = 20'000;  // as noop.c has it
constexpr int kSwaps = 1'000;

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

  void retire() { pool_.retire("noop"); }
  [[nodiscard]] std::size_t workers() const { return pool_.stats().workers.size(); }
  void let_end() {
    while (workers() > 1) context_.run_one();
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

std::vector<double> runs(Ground& ground, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) times.push_back(ground.run("noop"));
  return times;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// KiB of anonymous memory.
double anonymous() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::string word;
  while (file >> word)
    if (double value = 0; word == "Anonymous:" && file >> value) return value;
  return 0;
}

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

void sdk_call_roundtrip(bool json) {
  Ground ground;
  (void)runs(ground, 10);
  print({"sdk.call_roundtrip",
         ground.run("noop_calls") / kCalls,
         "us",
         {},
         "a service call, answered at once"},
        json);
}

void sdk_pooled_run(bool json) {
  Ground ground;
  (void)runs(ground, 100);
  const auto times = runs(ground, kRuns);
  print({"sdk.pooled_run",
         median(times),
         "us",
         {},
         fmt::format("a run in a worker that is there; p99 {:.0f}", percentile(times, 0.99))},
        json);
}

void sdk_fresh_run(bool json) {
  Ground ground(true);
  (void)runs(ground, 10);
  const auto times = runs(ground, kFreshRuns);
  print({"sdk.fresh_run", median(times), "us", 2000,
         fmt::format("a run in a worker of its own, to its result; the baseline is the bar; p99 "
                     "{:.0f}",
                     percentile(times, 0.99))},
        json);
}

void sdk_header_compile(bool json) {
  const TestFolder folder;
  const auto source = folder / "plugin.cpp";
  std::ofstream(source) << "#include <timmy/plugin.hpp>\n"
                           "struct P { timmy::Json run(const timmy::Job&, timmy::Context&) "
                           "{ return {}; } };\nTIMMY_PLUGIN(P)\n";
  std::vector<double> times;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const int ended =
        compile({"-std=c++20", "-O2", "-fPIC", "-c", std::string("-I") + TIMMY_SDK_INCLUDE,
                 source.string(), "-o", (folder / "plugin.o").string()});
    if (ended != 0) throw Error(Code::internal, "the compiler failed");
    times.push_back(Seconds(std::chrono::steady_clock::now() - start).count());
  }
  print({"sdk.header_compile", median(times), "s", 3,
         "a plugin of one line at -O2; the baseline is the bar"},
        json);
}

void sdk_hot_swaps(bool json) {
  Ground ground;
  const TestFolder folder;
  // Another file with the same code: bytes after the end of an ELF file are nobody's.
  std::filesystem::copy_file(TIMMY_NOOP, folder / "other.so");
  std::ofstream(folder / "other.so", std::ios::app) << "other";
  const auto swap = [&](int i) {
    ground.retire();
    ground.use(image_of(i % 2 == 0 ? folder / "other.so" : std::filesystem::path(TIMMY_NOOP)));
    (void)ground.run("noop");
    ground.let_end();
  };
  for (int i = 0; i < 100; ++i) swap(i);
  const auto descriptors = open_descriptors();
  const auto memory = anonymous();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kSwaps; ++i) swap(i);
  const Seconds took = std::chrono::steady_clock::now() - start;
  const auto more = static_cast<double>(open_descriptors()) - static_cast<double>(descriptors);
  print(
      {"sdk.hot_swaps",
       more + static_cast<double>(ground.workers() - 1),
       "left",
       {},
       fmt::format("descriptors and processes more after {} swaps of a plugin's bytes; {:.0f} KiB "
                   "more memory; {:.1f} ms a swap",
                   kSwaps, anonymous() - memory, 1000 * took.count() / kSwaps)},
      json);
}

}  // namespace bench
