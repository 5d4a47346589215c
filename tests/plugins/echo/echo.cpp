// SPDX-License-Identifier: Apache-2.0
//
// A plugin whose jobs say what it is to do, so that a test of the host needs no plugin of its own.
#include <timmy/plugin.hpp>

#include <cstdio>
#include <thread>

// Which build of this plugin it is: a test replaces one by another.
#ifndef ECHO_BUILD
#define ECHO_BUILD "first"
#endif

class Echo {
 public:
  explicit Echo(const timmy::Json& config) : config_(config) {}

  timmy::Json echo(const timmy::Job& job, timmy::Context&) {
    return {
        {"id", job.id},
        {"task", job.task},
        {"key", job.key},
        {"attempt", job.attempt},
        {"max_attempts", job.max_attempts},
        {"scheduled_for",
         job.scheduled_for ? timmy::Json(timmy::format_time(*job.scheduled_for)) : timmy::Json()},
        {"payload", job.payload},
        {"config", config_},
        {"build", ECHO_BUILD},
        {"runs", ++runs_}};
  }

  void fail(const timmy::Job& job, timmy::Context&) {
    const auto& how = job.payload;
    const std::string status = how.value("status", "retryable");
    const std::string code = how.value("code", "told_to");
    const std::string message = how.value("message", "the payload said so");
    const timmy::Milliseconds delay(how.value("delay_ms", 0));
    if (status == "permanent") throw timmy::Permanent(code, message);
    if (status == "cancelled") throw timmy::Cancelled(message);
    if (status == "snooze") throw timmy::Snooze(delay, message);
    if (delay.count() > 0) throw timmy::Retryable(code, message, delay);
    throw timmy::Retryable(code, message);
  }

  timmy::Json call(const timmy::Job& job, timmy::Context& ctx) {
    timmy::Json answers = timmy::Json::array();
    for (const auto& call : job.payload.at("calls"))
      answers.push_back(ctx.call(call.at("method").get<std::string>(),
                                 call.value("params", timmy::Json::object())));
    return {{"answers", answers}};
  }

  timmy::Json wait(const timmy::Job& job, timmy::Context& ctx) {
    const auto end =
        std::chrono::steady_clock::now() + timmy::Milliseconds(job.payload.value("ms", 60'000));
    while (std::chrono::steady_clock::now() < end) {
      if (ctx.cancelled()) throw timmy::Cancelled("stopped in build " ECHO_BUILD);
      std::this_thread::sleep_for(timmy::Milliseconds(5));
    }
    return {{"waited", true}, {"build", ECHO_BUILD}};
  }

  void log(const timmy::Job& job, timmy::Context& ctx) {
    const std::string text = job.payload.value("text", "hello");
    ctx.log.debug(text);
    ctx.log.info(text);
    ctx.log.warn(text);
    ctx.log.error(text);
    std::puts(text.c_str());
    std::fflush(stdout);
  }

 private:
  timmy::Json config_;
  int runs_ = 0;
};

TIMMY_PLUGIN(Echo, {"echo", &Echo::echo}, {"echo_fail", &Echo::fail}, {"echo_call", &Echo::call},
             {"echo_wait", &Echo::wait}, {"echo_log", &Echo::log})
