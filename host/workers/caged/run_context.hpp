// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <timmy/abi.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "workers/caged/link.hpp"
#include "workers/caged/reading.hpp"

namespace host::caged {

// Service calls that wait for their answer. Any thread.
class Calls {
 public:
  Calls(Link& link, Reading& reading) : link_(link), reading_(reading) {}

  // Sends a call of `run` and waits for its answer, at most until `until`, or until `stop` is set
  // and wake() called. Fills `reply`.
  timmy_status make(RunId run, const std::atomic<bool>& stop, std::string_view method,
                    std::string_view params, std::chrono::steady_clock::time_point until,
                    timmy_reply* reply);

  // The body of an `answer` frame came. One that nobody waits for any more is dropped.
  void answer(std::string_view body);

  // Tells the host what the plugin did wrong.
  void complain(std::string_view text);

  // Lets every waiting call look at its `stop`.
  void wake();

 private:
  struct Waiting {
    bool answered = false;
    std::string body;
  };

  Link& link_;
  Reading& reading_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Waiting*> waiting_;
};

// One run, as the plugin sees it: the timmy_run that it is handed. When the run has ended every
// call on it fails, from whatever thread.
class RunContext {
 public:
  RunContext(Calls& calls, RunId run, std::chrono::steady_clock::time_point deadline);
  RunContext(const RunContext&) = delete;

  [[nodiscard]] const timmy_run* table() const { return &table_; }
  [[nodiscard]] RunId run() const { return run_; }

  void cancel() { stop_ = true; }
  void end() { ended_ = true, stop_ = true; }

 private:
  static timmy_status call(void* ctx, timmy_str method, timmy_str params, std::int64_t timeout_ms,
                           timmy_reply* reply);
  static std::int32_t cancelled(void* ctx);
  static std::int64_t remaining_ms(void* ctx);

  Calls& calls_;
  RunId run_;
  std::chrono::steady_clock::time_point deadline_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  timmy_run table_{};
};

}  // namespace host::caged
