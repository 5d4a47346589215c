// SPDX-License-Identifier: Apache-2.0
#include "schedule_bench.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "base/test_folder.hpp"
#include "figure.hpp"
#include "queue/queue.hpp"
#include "schedule/scheduler.hpp"
#include "store/threaded_store.hpp"

namespace bench {
namespace {

using namespace host;

constexpr int kSchedules = 10'000;
constexpr auto kPeriod = std::chrono::seconds(10);

// A host's clockwork, whose jobs nobody runs.
class Clockwork {
 public:
  explicit Clockwork(bool spread) {
    std::vector<ScheduledTask> tasks(kSchedules);
    for (int i = 0; i < kSchedules; ++i) {
      auto& task = tasks[static_cast<std::size_t>(i)];
      task.task = "task_" + std::to_string(i);
      task.schedule = "every: " + format_duration(kPeriod);
      if (spread) task.delay = schedule_delay(kPeriod, "bench", task.task);
    }
    queue_.set_ready_handler([this](const std::string& task) { durable(task); });
    queue_.recover([this, tasks = std::move(tasks)](Result<Recovery>) mutable {
      scheduler_.set(std::move(tasks), [this](const Status&) { context_.stop(); });
    });
    context_.run();
    context_.restart();
  }

  // From a tick's due time to its job being durable; the longest so far.
  [[nodiscard]] Duration longest_delay() const { return scheduler_.stats().longest_delay; }

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

void schedule_lateness(bool json) {
  Clockwork clockwork(true);
  const auto times = clockwork.latenesses(kSchedules);
  const std::string note = "10,000 schedules over 10 s, due time to the job's being durable";
  print({"schedule.lateness.p50", percentile(times, 0.5) / 1000, "ms", std::nullopt, note}, json);
  print({"schedule.lateness.p99", percentile(times, 0.99) / 1000, "ms", std::nullopt, note}, json);
}

void schedule_burst(bool json) {
  std::vector<double> bursts;
  for (int run = 0; run < 3; ++run) {
    Clockwork clockwork(false);
    (void)clockwork.latenesses(kSchedules);
    bursts.push_back(static_cast<double>(clockwork.longest_delay().count()) / 1000);
  }
  print({"schedule.burst", median(bursts), "ms", std::nullopt,
         "10,000 schedules due at one instant, until all their jobs are durable"},
        json);
}

}  // namespace bench
