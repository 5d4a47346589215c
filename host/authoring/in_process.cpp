// SPDX-License-Identifier: Apache-2.0
#include "authoring/in_process.hpp"

#include <sys/resource.h>
#include <timmy/abi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "workers/caged/library.hpp"
#include "workers/executor.hpp"
#include "workers/message.hpp"
#include "workers/verdict.hpp"

namespace host {
namespace {

std::string_view view(timmy_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }
timmy_str borrow(std::string_view text) { return {text.data(), text.size()}; }

// One thread that does what it is told, in order, and ends when it is destroyed.
class TaskThread {
 public:
  TaskThread() : thread_([this] { work(); }) {}
  ~TaskThread() {
    post({});
    thread_.join();
  }
  TaskThread(const TaskThread&) = delete;
  // An empty one ends the thread.
  void post(std::function<void()> work) {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(work));
    changed_.notify_one();
  }

 private:
  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !waiting_.empty(); });
      const auto next = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      if (!next) return;
      next();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::thread thread_;  // last: it uses the others
};

// The timmy_run of one run: calls go to the stage, on the loop, and wait here for their answer.
class Run {
 public:
  Run(const TrialGround& ground, const PluginEntry& plugin, RunId id, const TrialRun& request)
      : ground_(ground),
        plugin_(plugin.id),
        id_(id),
        task_(request.task),
        deadline_(ground.loop.clock().monotonic() + request.timeout) {}
  Run(const Run&) = delete;

  [[nodiscard]] const timmy_run* table() const { return &table_; }
  void cancel() {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  struct Waiting {
    std::optional<Result<std::string>> answer;
  };

  static std::int64_t remaining_ms(void* ctx) {
    const auto& self = *static_cast<const Run*>(ctx);
    const auto left = self.deadline_ - self.ground_.loop.clock().monotonic();
    return self.cancelled_ ? 0 : std::max<std::int64_t>(0, left / std::chrono::milliseconds(1));
  }
  static std::int32_t cancelled(void* ctx) { return static_cast<Run*>(ctx)->cancelled_ ? 1 : 0; }
  static timmy_status call(void* ctx, timmy_str method, timmy_str params, std::int64_t timeout_ms,
                           timmy_reply* reply) {
    const auto answer = static_cast<Run*>(ctx)->ask(view(method), view(params), timeout_ms);
    if (answer.ok()) return reply->result(reply->ctx, borrow(answer.value())), TIMMY_OK;
    const auto& error = answer.error();
    reply->error(reply->ctx, borrow(name(error.code())), borrow(error.what()));
    return status_of(error);
  }

  Result<std::string> ask(std::string_view method, std::string_view params,
                          std::int64_t timeout_ms) {
    const auto waiting = std::make_shared<Waiting>();
    ServiceCall call{id_, plugin_, task_, std::string(method), std::string(params)};
    ground_.loop.post([this, waiting, call = std::move(call)]() mutable {
      ground_.stage.call(std::move(call), [this, waiting](Result<std::string> answer) {
        const std::scoped_lock lock(mutex_);
        waiting->answer = std::move(answer);
        changed_.notify_all();
      });
    });
    std::unique_lock lock(mutex_);
    const auto over = [&] { return waiting->answer.has_value() || cancelled_; };
    if (timeout_ms <= 0)
      changed_.wait(lock, over);
    else
      changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), over);
    if (waiting->answer) return *waiting->answer;
    if (cancelled_) return Error(Code::cancelled, "this run was cancelled");
    return Error(Code::timed_out, "no answer in time");
  }

  TrialGround ground_;
  std::string plugin_;
  RunId id_;
  std::string task_;
  MonotonicTime deadline_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> cancelled_ = false;
  timmy_run table_{sizeof(timmy_run), TIMMY_ABI_MINOR, this, &call, &cancelled, &remaining_ms};
};

Duration cpu_now() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return cpu_time(usage);
}

std::uint64_t max_rss() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

class InProcessTrial::Impl {
 public:
  Impl(const TrialGround& ground, const PluginEntry& plugin)
      : ground_(ground),
        plugin_(plugin),
        host_{sizeof(timmy_host), TIMMY_ABI_MINOR, this, &Impl::log} {}
  Impl(const Impl&) = delete;
  ~Impl() { end(); }

  TrialOutcome run(const TrialRun& request) {
    TrialOutcome outcome;
    if (!made_ && !make(outcome)) return outcome;
    const auto job = open_job(ground_, plugin_, request);
    const auto text = job_json(job);
    // Kept: a thread that the plugin left behind may still hold it.
    auto& run = runs_.emplace_back(ground_, plugin_, job.run, request);
    ground_.stage.begin(job.run);
    outcome.begun = true;
    const auto stop = ground_.loop.after(
        std::min(request.timeout, request.cancel_after.value_or(request.timeout)),
        [&] { run.cancel(); });
    const auto start = ground_.loop.clock().monotonic();
    const auto cpu_before = cpu_now();
    on_task_thread([&] { library_->run(run.table(), request.task, text, last_); });
    outcome.took = ground_.loop.clock().monotonic() - start;
    run.cancel();
    outcome.verdict = verdict_of(
        ResultMessage{last_.status, last_.delay_ms, last_.code, last_.message, last_.result},
        Stop::none, request.timeout);
    outcome.verdict.usage = {cpu_now() - cpu_before, max_rss()};
    outcome.effects = ground_.stage.close(job.run, outcome.verdict);
    return outcome;
  }

  std::string end() {
    if (made_) on_task_thread([this] { library_->destroy(last_); });
    made_ = false;
    return {};
  }

 private:
  bool make(TrialOutcome& outcome) {
    std::optional<Error> refused;
    on_task_thread([&] {
      try {
        if (!library_)
          library_ = std::make_unique<caged::Library>(std::filesystem::absolute(plugin_.path));
        library_->create(&host_, to_text(plugin_.config), last_);
      } catch (const Error& error) {
        refused = error;
      }
    });
    if (refused)
      outcome.verdict = verdict_of(Refused{true, "load", refused->what()});
    else if (last_.status != TIMMY_OK)
      outcome.verdict = verdict_of(Refused{
          last_.status == TIMMY_PERMANENT, last_.code.empty() ? "create" : last_.code,
          last_.message.empty() ? "the plugin's create failed without a word" : last_.message});
    else
      made_ = true;
    return made_;
  }

  // Serves the loop meanwhile.
  template <class Work>
  void on_task_thread(const Work& work) {
    bool done = false;
    thread_.post([&] {
      work();
      ground_.loop.post([&] { done = true; });
    });
    run_until(ground_.context, done);
  }

  static void log(void* ctx, std::int32_t level, timmy_str text) {
    auto& self = *static_cast<Impl*>(ctx);
    self.ground_.loop.post([&self, level, line = std::string(view(text))] {
      self.ground_.stage.log({}, self.plugin_.id, level_of(level), line);
    });
  }

  TrialGround ground_;
  const PluginEntry& plugin_;
  timmy_host host_;
  std::unique_ptr<caged::Library> library_;
  bool made_ = false;
  caged::Outcome last_;
  std::deque<Run> runs_;
  TaskThread thread_;
};

InProcessTrial::InProcessTrial(const TrialGround& ground, const PluginEntry& plugin)
    : impl_(std::make_unique<Impl>(ground, plugin)) {}
InProcessTrial::~InProcessTrial() = default;
TrialOutcome InProcessTrial::run(const TrialRun& run) { return impl_->run(run); }
std::string InProcessTrial::end() { return impl_->end(); }

}  // namespace host
