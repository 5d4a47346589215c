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

using std::chrono::steady_clock;

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

// Leads to the loop and the stage, from any thread, until it is shut. A thread that the plugin left
// behind may knock at any time later.
class Gate {
 public:
  explicit Gate(const TrialGround& ground) : ground_(ground) {}
  Gate(const Gate&) = delete;
  // Has the loop do `work` on the stage. False once it is shut.
  bool post(std::function<void(Stage&)> work) {
    const std::scoped_lock lock(mutex_);
    if (shut_) return false;
    ground_.loop.post([&stage = ground_.stage, work = std::move(work)] { work(stage); });
    return true;
  }
  void shut() {
    const std::scoped_lock lock(mutex_);
    shut_ = true;
  }

 private:
  TrialGround ground_;
  std::mutex mutex_;
  bool shut_ = false;
};

// The timmy_run of one run: calls go to the stage, on the loop, and wait here for their answer.
class Run {
 public:
  Run(Gate& gate, const PluginEntry& plugin, RunId id, const TrialRun& request)
      : gate_(gate),
        plugin_(plugin.id),
        id_(id),
        task_(request.task),
        deadline_(steady_clock::now() + request.timeout) {}
  Run(const Run&) = delete;

  [[nodiscard]] const timmy_run* table() const { return &table_; }
  void cancel() {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }
  // Calls from now on are late.
  void end() {
    over_ = true;
    cancel();
  }

 private:
  struct Waiting {
    std::optional<Result<std::string>> answer;
  };

  static std::int64_t remaining_ms(void* ctx) {
    const auto& self = *static_cast<const Run*>(ctx);
    const auto left = self.deadline_ - steady_clock::now();
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
    if (over_) {
      gate_.post([plugin = plugin_, line = std::string(kLateCall) + std::string(method)](
                     Stage& stage) { stage.log({}, plugin, Level::error, line); });
      return Error(Code::invalid, "this run has ended");
    }
    const auto waiting = std::make_shared<Waiting>();
    ServiceCall call{id_, plugin_, task_, std::string(method), std::string(params)};
    gate_.post([this, waiting, call = std::move(call)](Stage& stage) {
      stage.call(call, [this, waiting](Result<std::string> answer) {
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

  Gate& gate_;
  std::string plugin_;
  RunId id_;
  std::string task_;
  steady_clock::time_point deadline_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> over_ = false;
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
  Impl(const TrialGround& ground, const PluginEntry& plugin, int rehearsals)
      : ground_(ground),
        plugin_(plugin),
        plugin_id_(plugin.id),
        rehearsals_(rehearsals),
        gate_(ground),
        host_{sizeof(timmy_host), TIMMY_ABI_MINOR, this, &Impl::log} {}
  Impl(const Impl&) = delete;

  // Destroys `impl`'s instance and keeps the rest for good: the library and the tables stay where
  // a thread that the plugin left behind expects them.
  static void lay_down(std::unique_ptr<Impl> impl) {
    static auto& kept = *std::make_unique<std::vector<std::unique_ptr<Impl>>>().release();
    (void)impl->end();
    impl->gate_.shut();
    impl->thread_.reset();
    kept.push_back(std::move(impl));
  }

  TrialOutcome run(const TrialRun& request) {
    TrialOutcome outcome;
    if (!made_ && !make(outcome)) return outcome;
    const auto job = open_job(ground_, plugin_, request);
    const auto text = job_json(job);
    // Kept: a thread that the plugin left behind may still hold it.
    auto& run = runs_.emplace_back(gate_, plugin_, job.run, request);
    ground_.stage.begin(job.run);
    outcome.begun = true;
    const auto stop = ground_.loop.after(
        std::min(request.timeout, request.cancel_after.value_or(request.timeout)),
        [&] { run.cancel(); });
    const auto start = ground_.loop.clock().monotonic();
    const auto cpu_before = cpu_now();
    on_task_thread([&] { library_->run(run.table(), request.task, text, last_); });
    outcome.took = ground_.loop.clock().monotonic() - start;
    run.end();
    outcome.verdict = verdict_of(
        ResultMessage{last_.status, last_.delay_ms, last_.code, last_.message, last_.result},
        Stop::none, request.timeout);
    outcome.verdict.usage = {cpu_now() - cpu_before, max_rss()};
    outcome.effects = ground_.stage.close(job.run, outcome.verdict);
    return outcome;
  }

  std::string end() {
    if (!std::exchange(made_, false)) return {};
    return destroy();
  }

 private:
  bool make(TrialOutcome& outcome) {
    std::optional<Error> refused;
    on_task_thread([&] {
      try {
        if (!library_)
          library_ = std::make_unique<caged::Library>(std::filesystem::absolute(plugin_.path));
      } catch (const Error& error) {
        refused = error;
      }
    });
    if (refused) {
      outcome.verdict = verdict_of(Refused{true, "load", refused->what()});
      return false;
    }
    for (int i = 0; i <= rehearsals_; ++i) {
      if (i > 0) (void)destroy();
      on_task_thread([&] { library_->create(&host_, to_text(plugin_.config), last_); });
      if (last_.status == TIMMY_OK) continue;
      outcome.verdict = verdict_of(refusal_of(last_));
      return false;
    }
    return made_ = true;
  }

  // Empty, or what it threw.
  std::string destroy() {
    on_task_thread([this] { library_->destroy(last_); });
    return last_.message;
  }

  // Serves the loop meanwhile.
  template <class Work>
  void on_task_thread(const Work& work) {
    bool done = false;
    thread_->post([&] {
      work();
      ground_.loop.post([&] { done = true; });
    });
    run_until(ground_.context, done);
  }

  static void log(void* ctx, std::int32_t level, timmy_str text) {
    auto& self = *static_cast<Impl*>(ctx);
    self.gate_.post([plugin = self.plugin_id_, level, line = std::string(view(text))](
                        Stage& stage) { stage.log({}, plugin, level_of(level), line); });
  }

  TrialGround ground_;
  const PluginEntry& plugin_;
  const std::string plugin_id_;
  const int rehearsals_;
  Gate gate_;
  timmy_host host_;
  std::unique_ptr<caged::Library> library_;
  bool made_ = false;
  caged::Outcome last_;
  std::deque<Run> runs_;
  std::unique_ptr<TaskThread> thread_ = std::make_unique<TaskThread>();
};

InProcessTrial::InProcessTrial(const TrialGround& ground, const PluginEntry& plugin, int rehearsals)
    : impl_(std::make_unique<Impl>(ground, plugin, rehearsals)) {}
InProcessTrial::~InProcessTrial() { Impl::lay_down(std::move(impl_)); }
TrialOutcome InProcessTrial::run(const TrialRun& run) { return impl_->run(run); }
std::string InProcessTrial::end() { return impl_->end(); }

}  // namespace host
