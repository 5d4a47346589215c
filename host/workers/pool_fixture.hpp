// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "workers/pool.hpp"

namespace host {

// Records what plugins call and log; answers as told.
struct FakeServices final : ServiceHandler {
  struct Line {
    RunId run;
    Level level;
    std::string text;
  };
  void call(ServiceCall call, Reply<std::string> reply) override {
    calls.push_back(call);
    if (answers) {
      reply(answers(call));
    } else {
      unanswered.push_back(std::move(reply));
    }
  }
  void log(RunId run, std::string_view, Level level, std::string_view text) override {
    lines.push_back({run, level, std::string(text)});
  }
  [[nodiscard]] bool logged(std::string_view text) const {
    for (const auto& line : lines)
      if (line.text.find(text) != std::string::npos) return true;
    return false;
  }

  std::function<Result<std::string>(const ServiceCall&)> answers;
  std::vector<ServiceCall> calls;
  std::vector<Reply<std::string>> unanswered;
  std::vector<Line> lines;
};

// A pool on a real loop with real processes. Graces are short, so that no test waits long; a test
// that hangs fails after half a minute.
class PoolTest : public ::testing::Test {
 protected:
  PoolTest() {
    settings.cancel_grace = std::chrono::milliseconds(60);
    settings.interrupt_grace = std::chrono::milliseconds(60);
    settings.term_grace = std::chrono::milliseconds(60);
  }

  // Made at the first use, from `settings`.
  WorkerPool& pool() {
    if (!pool_)
      pool_ = std::make_unique<WorkerPool>(context, *pools_loop_, Log::to_memory(log), program,
                                           services, settings);
    return *pool_;
  }
  void drop_pool() { pool_.reset(); }
  // Before the first use of the pool, which it outlives.
  void use_loop(Loop& other) { pools_loop_ = &other; }

  static std::shared_ptr<const PluginImage> hostile() {
    static const auto image = [] {
      const Fd file(::open(TIMMY_HOSTILE, O_RDONLY | O_CLOEXEC));
      return PluginImage::copy_of(file.get(), TIMMY_HOSTILE);
    }();
    return image;
  }

  [[nodiscard]] std::shared_ptr<WorkerSpec> make_spec(const Json& config = Json::object()) const {
    WorkerSpec made;
    made.image = hostile();
    made.plugin_id = "hostile";
    made.config_json = to_text(config);
    made.scratch = folder / "scratch";
    return std::make_shared<WorkerSpec>(std::move(made));
  }

  struct Seen {
    bool begun = false;
    std::optional<RunOutcome> outcome;
  };

  // Runs task hostile_<name>.
  RunId submit(const std::string& name, const Json& payload = Json::object(),
               RunRequest request = {}) {
    request.run = {JobId(++next_), RunLease(next_ + 1000)};
    request.task = "hostile_" + name;
    request.job_json = to_text({{"id", next_}, {"payload", payload}});
    if (request.timeout == Duration::zero()) request.timeout = std::chrono::seconds(20);
    const auto run = request.run;
    seen_[run] = {};
    pool().submit(
        spec, std::move(request), [this, run] { seen_[run].begun = true; },
        [this, run](RunOutcome outcome) {
          EXPECT_FALSE(seen_[run].outcome) << "a second outcome of job " << run.job.value();
          seen_[run].outcome = std::move(outcome);
          order.push_back(run);
        });
    return run;
  }

  template <class Condition>
  [[nodiscard]] bool run_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }
  [[nodiscard]] bool begun(RunId run) {
    return run_until([&] { return seen_[run].begun || seen_[run].outcome; }) && seen_[run].begun;
  }
  [[nodiscard]] bool has_begun(RunId run) { return seen_[run].begun; }
  [[nodiscard]] bool has_ended(RunId run) { return seen_[run].outcome.has_value(); }

  RunOutcome outcome(RunId run) {
    EXPECT_TRUE(run_until([&] { return seen_[run].outcome.has_value(); })) << "no outcome in 30 s";
    return seen_[run].outcome.value_or(RunOutcome{});
  }
  // The verdict of a run that has to have one.
  Verdict verdict(RunId run) {
    const auto ended = outcome(run);
    EXPECT_FALSE(ended.not_begun);
    return ended.verdict;
  }
  // Runs a task that has to complete, and returns its result.
  Json result(const std::string& name, const Json& payload = Json::object(),
              RunRequest request = {}) {
    const auto ended = verdict(submit(name, payload, std::move(request)));
    EXPECT_EQ(name_of(ended), "completed") << ended.code << ": " << ended.message;
    return ended.result.empty() ? Json() : parse_json(ended.result, "the result");
  }
  static std::string name_of(const Verdict& verdict) { return std::string(name(verdict.kind)); }

  int pid_of_next_run() { return result("pid").at("pid").get<int>(); }

  boost::asio::io_context context;
  SystemClock clock;
  AsioLoop loop{context, clock};
  TestFolder folder;
  std::shared_ptr<std::vector<std::string>> log = std::make_shared<std::vector<std::string>>();
  FakeServices services;
  PoolSettings settings;
  std::filesystem::path program = TIMMY_WORKER;
  std::shared_ptr<WorkerSpec> spec = make_spec();
  std::vector<RunId> order;  // in which runs ended

 private:
  Loop* pools_loop_ = &loop;
  std::map<RunId, Seen> seen_;
  std::int64_t next_ = 0;
  std::unique_ptr<WorkerPool> pool_;
};

}  // namespace host
