// SPDX-License-Identifier: Apache-2.0
#include "queue_bench.hpp"

#include <fcntl.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <iostream>

#include "bare_loop.hpp"
#include "base/redactor.hpp"
#include "base/test_folder.hpp"
#include "huey_peer.hpp"
#include "plugins/image.hpp"
#include "services/runs.hpp"
#include "store/migrations.hpp"
#include "store/open.hpp"
#include "store/threaded_store.hpp"
#include "workers/executor.hpp"

namespace bench {
namespace {

using namespace host;

// Everything of a host that a job passes, on a database of its own.
class Engine {
 public:
  explicit Engine(const std::filesystem::path& folder)
      : store_({.path = folder / "host.db"}, loop_, log_, [](const Error& error) { throw error; }),
        runs_(
            services_, ledger_, waits_, clock_, [](const RunnableTask&) { return Runs::Terms(); },
            [this](JobId, const RunnableTask&, const Verdict& verdict, JobState) {
              finished(verdict);
            },
            [](const RunnableTask&, const Verdict& refusal) {
              throw Error(Code::internal, refusal.message);
            }),
        pool_(context_, loop_, log_, TIMMY_WORKER, services_),
        executor_(queue_, pool_, runs_, loop_, log_, {}) {
    const Fd plugin(::open(TIMMY_NOOP, O_RDONLY | O_CLOEXEC));
    WorkerSpec spec;
    spec.image = PluginImage::copy_of(plugin.get(), TIMMY_NOOP);
    spec.plugin_id = "noop";
    spec.config_json = "{}";
    spec.scratch = folder;
    spec.recycle_after = 1'000'000;
    queue_.set_ready_handler([this](const std::string& task) { executor_.ready(task); });
    queue_.recover([this, spec](Result<Recovery>) {
      std::map<std::string, RunnableTask> tasks;
      for (const auto* name : {"noop", "noop_the_time"})
        tasks[name] = {.name = name,
                       .plugin = "noop",
                       .worker = std::make_shared<const WorkerSpec>(spec),
                       .timeout = std::chrono::seconds(60)};
      executor_.set_tasks(std::move(tasks));
      context_.stop();
    });
    context_.run();
    context_.restart();
  }

  // Jobs a second with 2,000 more jobs on their way than there were, inserted 200 at a time. Then
  // runs what is left, if `drain` is true.
  double throughput(Seconds time, bool drain = true) {
    constexpr int kOutstanding = 2000, kBatch = 200;
    const NewJob job{
        .task = "noop", .payload = "\"" + std::string(98, 'x') + "\"", .source = "bench"};
    const auto start = std::chrono::steady_clock::now();
    done_ = 0;
    int inserted = 0;
    on_finished_ = [&] {
      if (std::chrono::steady_clock::now() - start > time) return context_.stop();
      for (; inserted - done_ <= kOutstanding - kBatch; inserted += kBatch)
        queue_.insert(std::vector<NewJob>(kBatch, job), {});
    };
    on_finished_();
    context_.run();
    context_.restart();
    const Seconds took = std::chrono::steady_clock::now() - start;
    const double rate = done_ / took.count();
    on_finished_ = {};
    if (!drain) return rate;
    on_finished_ = [&] {
      if (done_ == inserted) context_.stop();
    };
    context_.run();
    context_.restart();
    return rate;
  }

  // Microseconds from insert() to the plugin's being called, by the plugin's own clock; one job at
  // a time on an idle host.
  std::vector<double> latencies(int count) {
    std::vector<double> times;
    for (int i = 0; i < count; ++i) {
      const auto asked = std::chrono::steady_clock::now().time_since_epoch();
      on_finished_ = [&] {
        const std::chrono::nanoseconds called(Json::parse(result_).at("ns").get<std::int64_t>());
        times.push_back(std::chrono::duration<double, std::micro>(called - asked).count());
        context_.stop();
      };
      loop_.post([&] { queue_.insert({NewJob{.task = "noop_the_time", .source = "bench"}}, {}); });
      context_.run();
      context_.restart();
    }
    return times;
  }

 private:
  void finished(const Verdict& verdict) {
    ++done_;
    result_ = verdict.result;
    if (on_finished_) on_finished_();
  }

  boost::asio::io_context context_{1};
  // The store answers from its own thread: the loop must wait for it.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  Log log_ = Log::to_stderr(Level::warn, std::make_shared<Redactor>());
  ThreadedStore store_;
  Queue queue_{store_, loop_, log_};
  Ledger ledger_{store_, loop_, clock_, log_, "bench"};
  BudgetWaits waits_{queue_, loop_, log_};
  ServiceTable services_{log_};
  Runs runs_;
  WorkerPool pool_;
  Executor executor_;
  int done_ = 0;
  std::function<void()> on_finished_;
  std::string result_;  // of the last one
};

// A database with so many jobs waiting, closed as a host does.
void fill(const std::filesystem::path& folder, int waiting) {
  Connection database(folder / "host.db", Connection::Mode::writer);
  migrate(database);
  database.use_wal();
  Statement(database.handle(),
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO jobs(task, state, priority, rank, due, max_attempts, inserted_at, "
            "source, payload) SELECT 'noop', 'available', 5, i, i, 5, i, 'bench', "
            "CAST('\"' || printf('%.*c', 98, 'x') || '\"' AS BLOB) FROM n")
      .bind_all(waiting)
      .run();
  close_cleanly(database);
}

// One kind of Huey, as long as it can be had.
class Huey {
 public:
  explicit Huey(bool fsync) : fsync_(fsync) {}
  void run() {
    if (!missing_.empty()) return;
    const auto peer = huey_rate(fsync_);
    note_ = peer.note;
    if (peer.rate)
      rates_.add(*peer.rate, peer.took);
    else
      missing_ = peer.note;
  }
  void compare(const char* name, const Series& ours, const Output& output) const {
    if (missing_.empty())
      output.print({name, ours.median(), "jobs/s", rates_.median(),
                    ours.note() + "; baseline: " + note_ + ", " + rates_.note()});
    else
      std::cerr << name << " was not measured: " << missing_ << std::endl;
  }

 private:
  bool fsync_;
  Series rates_;
  std::string note_, missing_;
};

}  // namespace

void end_to_end(const Output& output) {
  constexpr const char *kSyncing = "queue.end_to_end.vs_huey",
                       *kNotSyncing = "queue.end_to_end.vs_huey_nofsync";
  Series ours, bare;
  Huey syncing(true), not_syncing(false);
  for (int run = 0; run < kRuns; ++run) {
    const TestFolder folder;
    bare.run([&] { return bare_loop(folder.path(), Seconds(2.5)); });
    Engine engine(folder.path());
    ours.run([&] { return engine.throughput(Seconds(2.5)); });
    if (output.wants(kSyncing)) syncing.run();
    if (output.wants(kNotSyncing)) not_syncing.run();
  }
  output.print({"queue.end_to_end", ours.median(), "jobs/s", bare.median(),
                "insert, claim, run in a worker, complete with history; fsync on; " + ours.note() +
                    "; baseline: bare SQLite loop, " + bare.note()});
  if (output.wants(kSyncing)) syncing.compare(kSyncing, ours, output);
  if (output.wants(kNotSyncing)) not_syncing.compare(kNotSyncing, ours, output);
}

void growth(const Output& output) {
  // Each job that runs is replaced, so that what waits is the same in each run.
  const TestFolder much, little;
  fill(much.path(), 1'000'000);
  fill(little.path(), 1'000);
  const auto rate = [](const TestFolder& folder) {
    Engine engine(folder.path());
    return engine.throughput(Seconds(2.5), false);
  };
  Series many, few;
  for (int run = 0; run < kRuns; ++run) {
    few.run([&] { return rate(little); });
    many.run([&] { return rate(much); });
  }
  output.print({"queue.growth", many.median(), "jobs/s", few.median(),
                "as queue.end_to_end, with 1,000,000 jobs waiting; " + many.note() +
                    "; baseline: with 1,000, " + few.note()});
}

void start_latency(const Output& output) {
  const TestFolder folder;
  Engine engine(folder.path());
  (void)engine.latencies(50);
  Series sync, p50, p99;
  for (int run = 0; run < kRuns; ++run) {
    sync.run([&] { return median(fdatasync_times(folder.path(), 1000)); });
    const auto start = std::chrono::steady_clock::now();
    const auto times = engine.latencies(2500);
    const Seconds took = std::chrono::steady_clock::now() - start;
    p50.add(percentile(times, 0.5), took);
    p99.add(percentile(times, 0.99), took);
  }
  const std::string what = "insert() on an idle host to the plugin's being called, 2,500 jobs; ",
                    baseline = "; baseline: median of 1,000 fdatasync, " + sync.note();
  output.print(
      {"queue.start_latency.p50", p50.median(), "us", sync.median(), what + p50.note() + baseline});
  output.print(
      {"queue.start_latency.p99", p99.median(), "us", sync.median(), what + p99.note() + baseline});
}

}  // namespace bench
