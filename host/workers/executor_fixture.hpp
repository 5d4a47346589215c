// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include "base/fake_loop.hpp"
#include "queue/job_table.hpp"
#include "store/inline_store.hpp"
#include "workers/executor.hpp"

namespace host {

// A pool whose runs begin and end when the test says.
class FakePool final : public Pool {
 public:
  struct Run {
    RunRequest request;
    OnBegun on_begun;
    OnOutcome on_outcome;
  };
  explicit FakePool(Loop& loop) : loop_(loop) {}

  void submit(std::shared_ptr<const WorkerSpec>, RunRequest request, OnBegun on_begun,
              OnOutcome on_outcome) override {
    const auto run = request.run;
    order.push_back(run.job);
    runs.emplace(run.job, Run{std::move(request), std::move(on_begun), std::move(on_outcome)});
  }
  void cancel(RunId run, bool) override { cancelled.push_back(run.job); }
  void interrupt_all() override {
    interrupted = true;
    while (!runs.empty())
      end(runs.begin()->first, {.verdict = {.kind = Verdict::Kind::interrupted}});
  }

  void begin(JobId job) { loop_.post(runs.at(job).on_begun); }
  void end(JobId job, RunOutcome outcome) {
    auto run = std::move(runs.extract(job).mapped());
    loop_.post([done = std::move(run.on_outcome), outcome = std::move(outcome)] { done(outcome); });
  }

  std::map<JobId, Run> runs;  // submitted, not ended
  std::vector<JobId> order;
  std::vector<JobId> cancelled;
  bool interrupted = false;

 private:
  Loop& loop_;
};

class FakeHooks final : public RunHooks {
 public:
  void opened(const ClaimedJob& job, const RunnableTask&) override { open.insert(job.run.job); }
  void begun(RunId) override {}
  [[nodiscard]] Closing closed(RunId run, const Verdict&) override {
    open.erase(run.job);
    return std::exchange(closing, {});
  }
  void finished(JobId job, const RunnableTask& task, const Verdict& verdict,
                JobState state) override {
    ended.push_back(task.name + " " + std::to_string(job.value()) + " " +
                    std::string(name(verdict.kind)) + " " + std::string(name(state)));
  }

  void unmade(const RunnableTask& task, const Verdict& refusal) override {
    refused.push_back(task.name + ": " + refusal.message);
  }

  std::set<JobId> open;
  std::vector<std::string> refused;
  Closing closing;  // of the next run that ends
  std::vector<std::string> ended;
};

class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() {
    queue_.set_ready_handler([this](const std::string& task) { executor_.ready(task); });
    queue_.recover([](Result<Recovery> recovery) { EXPECT_TRUE(recovery.ok()); });
    loop_.drain();
  }

  static RunnableTask task(const std::string& name, int concurrency = 1) {
    return {.name = name,
            .plugin = "plugin",
            .worker = std::make_shared<WorkerSpec>(),
            .timeout = std::chrono::minutes(1),
            .retry = {},
            .concurrency = concurrency,
            .waits_for = {}};
  }
  void set(const std::vector<RunnableTask>& tasks) {
    std::map<std::string, RunnableTask> map;
    for (const auto& each : tasks) map.emplace(each.name, each);
    executor_.set_tasks(std::move(map));
    loop_.drain();
  }
  std::vector<JobId> insert(const std::string& task, int count = 1) {
    std::vector<JobId> ids;
    queue_.insert(std::vector<NewJob>(static_cast<std::size_t>(count), NewJob{.task = task}),
                  [&](Result<std::vector<Inserted>> inserted) {
                    for (const auto& each : inserted.value()) ids.push_back(each.id);
                  });
    loop_.drain();
    return ids;
  }
  void end(JobId job, Verdict verdict = {.kind = Verdict::Kind::completed}) {
    pool_.end(job, {.verdict = std::move(verdict)});
    loop_.drain();
  }
  // A run that takes `took`.
  void run(JobId job, Duration took) {
    pool_.begin(job);
    loop_.drain();
    loop_.advance(took);
    end(job);
  }
  Job show(JobId id) {
    return store_.run_now([&](Unit& unit) { return read_job(unit, id).job; });
  }
  bool drain(Duration grace) {
    auto drained = std::make_shared<bool>(false);
    executor_.drain(grace, [drained] { *drained = true; });
    loop_.drain();
    drained_ = drained;
    return *drained;
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  Queue queue_{store_, loop_, log_};
  FakePool pool_{loop_};
  FakeHooks hooks_;
  Executor executor_{queue_, pool_, hooks_, loop_, log_, {.running = 3}};
  std::shared_ptr<bool> drained_;
};

}  // namespace host
