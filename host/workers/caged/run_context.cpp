// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/run_context.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "workers/message.hpp"

namespace host::caged {
namespace {

using std::chrono::steady_clock;

timmy_str view(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(timmy_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }

timmy_status fail(timmy_reply* reply, timmy_status status, std::string_view code,
                  std::string_view message) {
  reply->error(reply->ctx, view(code), view(message));
  return status;
}

timmy_status deliver(std::string_view body, timmy_reply* reply) {
  const auto answer = decode_answer(body);
  if (answer.delay_ms >= 0) reply->delay(reply->ctx, answer.delay_ms);
  if (answer.status != TIMMY_OK) return fail(reply, answer.status, answer.code, answer.message);
  reply->result(reply->ctx, view(answer.result));
  return TIMMY_OK;
}

}  // namespace

timmy_status Calls::make(RunId run, const std::atomic<bool>& stop, std::string_view method,
                         std::string_view params, steady_clock::time_point until,
                         timmy_reply* reply) {
  Waiting waiting;
  std::unique_lock lock(mutex_);
  const auto id = next_++;
  waiting_.emplace(id, &waiting);
  lock.unlock();
  const auto forget = [&] { return std::scoped_lock(mutex_), waiting_.erase(id); };
  try {
    link_.send(FrameType::call, run, encode(CallMessage{id, method, params}));
  } catch (...) {
    forget();
    throw;
  }
  const auto over = [&] { return waiting.answered || stop.load(); };
  bool woken = false;
  if (reading_.on_task_thread()) {
    woken = reading_.read_until([&] { return std::scoped_lock(mutex_), over(); }, until);
    lock.lock();
  } else {
    lock.lock();
    woken = changed_.wait_until(lock, until, over);
  }
  waiting_.erase(id);
  lock.unlock();
  if (waiting.answered) return deliver(waiting.body, reply);
  if (woken) return fail(reply, TIMMY_CANCELLED, "cancelled", "this run should stop");
  return fail(reply, TIMMY_RETRYABLE, "timed_out",
              std::string(method) + " was not answered in time");
}

void Calls::answer(std::string_view body) {
  const auto id = decode_answer(body).id;
  const std::scoped_lock lock(mutex_);
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  found->second->body = body;
  found->second->answered = true;
  changed_.notify_all();
}

void Calls::complain(std::string_view text) {
  link_.send(FrameType::log, {}, encode(LogMessage{TIMMY_LOG_ERROR, text}));
}

void Calls::wake() {
  const std::scoped_lock lock(mutex_);
  changed_.notify_all();
}

RunContext::RunContext(Calls& calls, RunId run, steady_clock::time_point deadline)
    : calls_(calls), run_(run), deadline_(deadline) {
  table_ = {sizeof(timmy_run), TIMMY_ABI_MINOR, this, &call, &cancelled, &remaining_ms};
}

timmy_status RunContext::call(void* ctx, timmy_str method, timmy_str params,
                              std::int64_t timeout_ms, timmy_reply* reply) {
  auto& self = *static_cast<RunContext*>(ctx);
  try {
    if (self.ended_) {
      self.calls_.complain(std::string(kLateCall) + std::string(view(method)));
      return fail(reply, TIMMY_PERMANENT, "stale", "this run has ended");
    }
    if (self.stop_) return fail(reply, TIMMY_CANCELLED, "cancelled", "this run should stop");
    auto until = self.deadline_;
    const auto left = until - steady_clock::now();
    if (timeout_ms > 0 &&
        std::chrono::milliseconds(std::min(timeout_ms, std::int64_t{1} << 40)) < left)
      until = steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    return self.calls_.make(self.run_, self.stop_, view(method), view(params), until, reply);
  } catch (const Error& error) {
    return fail(reply, TIMMY_PERMANENT, name(error.code()), error.what());
  } catch (const std::exception& error) {
    return fail(reply, TIMMY_RETRYABLE, "internal", error.what());
  }
}

std::int32_t RunContext::cancelled(void* ctx) {
  return static_cast<RunContext*>(ctx)->stop_ ? 1 : 0;
}

std::int64_t RunContext::remaining_ms(void* ctx) {
  const auto& self = *static_cast<const RunContext*>(ctx);
  if (self.stop_) return 0;
  const auto left =
      std::chrono::floor<std::chrono::milliseconds>(self.deadline_ - steady_clock::now());
  return std::max<std::int64_t>(left.count(), 0);
}

}  // namespace host::caged
