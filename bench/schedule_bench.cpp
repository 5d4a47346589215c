// SPDX-License-Identifier: Apache-2.0
#include "schedule_bench.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "base/redactor.hpp"
#include "base/test_folder.hpp"
#include "figure.hpp"
#include "queue/queue.hpp"
#include "schedule/scheduler.hpp"
#include "store/threaded_store.hpp"

namespace bench {
namespace {

using namespace host;

constexpr int kSchedules = 10'000;

// A host's clockwork, whose jobs nobody runs: each schedule is of use once.
class Clockwork {
 public:
  Clockwork(Duration period, bool spread) {
    std::vector<ScheduledTask> tasks(kSchedules);
    for (int i = 0; i < kSchedules; ++i) {
      auto& task = tasks[static_cast<std::size_t>(i)];
      task.task = "task_" + std::to_string(i);
      task.schedule = "every: " + format_duration(period);
      if (spread) task.delay = schedule_delay(period, "bench", task.task);
    }
    queue_.set_ready_handler([this](const std::string& task) { durable(task); });
    queue_.recover([this, tasks = std::move(tasks)](Result<Recovery>) mutable {
      scheduler_.set(std::move(tasks), [this](const Status&) { context_.stop(); });
    });
    context_.run();
    context_.restart();
  }

  // Microseconds from each tick's due time to its job being durable and known, for so many ticks.
  std::vector<double> latenesses(std::size_t ticks) {
    times_.clear();
    wanted_ = ticks;
    context_.run();
    context_.restart();
    return std::exchange(times_, {});
  }

 private:
  void durable(const std::string& task) {
    const auto view = scheduler_.view(task);
    const auto due = *view->last_run + view->task->delay;
    times_.push_back(std::chrono::duration<double, std::micro>(clock_.wall() - due).count());
    if (times_.size() == wanted_) context_.stop();
  }

  TestFolder folder_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  Log log_ = Log::to_stderr(Level::warn, std::make_shared<Redactor>());
  ThreadedStore store_{
      {.path = folder_ / "host.db"}, loop_, log_, [](const Error& error) { throw error; }};
  Queue queue_{store_, loop_, log_};
  Scheduler scheduler_{store_, queue_, loop_, log_};
  std::vector<double> times_;
  std::size_t wanted_ = 0;
};

}  // namespace

void schedule_lateness(const Output& output) {
  Series p50, p99;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    Clockwork clockwork(std::chrono::seconds(10), true);
    const auto times = clockwork.latenesses(kSchedules);
    const Seconds took = std::chrono::steady_clock::now() - start;
    p50.add(percentile(times, 0.5) / 1000, took);
    p99.add(percentile(times, 0.99) / 1000, took);
  }
  const std::string what = "10,000 schedules over 10 s, due time to the job's being durable; ";
  output.print({"schedule.lateness.p50", p50.median(), "ms", std::nullopt, what + p50.note()});
  output.print({"schedule.lateness.p99", p99.median(), "ms", std::nullopt, what + p99.note()});
}

void schedule_burst(const Output& output) {
  Series bursts;
  for (int run = 0; run < kRuns; ++run)
    bursts.run([] {
      Clockwork clockwork(std::chrono::seconds(4), false);
      return percentile(clockwork.latenesses(kSchedules), 1) / 1000;
    });
  output.print(
      {"schedule.burst", bursts.median(), "ms", std::nullopt,
       "10,000 schedules due at one instant, until all their jobs are durable; " + bursts.note()});
}

}  // namespace bench
