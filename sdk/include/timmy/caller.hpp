// SPDX-License-Identifier: Apache-2.0
//
// How a plugin calls the host's services; timmy/services.hpp has them typed, and what they throw.
#pragma once

#include <timmy/job.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace timmy {

// The one door to the host, which everything below goes through.
class Caller {
 public:
  explicit Caller(const timmy_run* run) : run_(run) {}

  // Calls "service/revision.method" with an object of parameters and returns the object that the
  // host answers. `timeout`: zero for as long as the run may still take.
  Json call(std::string_view method, const Json& params, Milliseconds timeout = {}) const {
    Answer answer;
    timmy_reply reply{sizeof(timmy_reply), 0, &answer, &Answer::set_result, &Answer::set_error,
                      &Answer::set_delay};
    const std::string text = detail::dump(params);
    const timmy_status status = run_->call(run_->ctx, detail::borrow(method), detail::borrow(text),
                                           timeout.count(), &reply);
    if (answer.out_of_memory) throw std::bad_alloc();
    const std::string message = std::string(method) + ": " + answer.message;
    switch (status) {
      case TIMMY_OK: return detail::parse(detail::borrow(answer.result));
      case TIMMY_RETRYABLE: throw Retryable(answer.code, message, answer.delay);
      case TIMMY_CANCELLED: throw Cancelled(message);
      default: throw Permanent(answer.code, message);
    }
  }

  [[nodiscard]] bool cancelled() const { return run_->cancelled(run_->ctx) != 0; }

  // See Context::remaining.
  [[nodiscard]] std::optional<Milliseconds> remaining() const {
    if (!TIMMY_HAS(timmy_run, run_, remaining_ms)) return std::nullopt;
    return Milliseconds(run_->remaining_ms(run_->ctx));
  }

 private:
  struct Answer {
    std::string result, code, message;
    std::optional<Milliseconds> delay;
    bool out_of_memory = false;

    // No exception may cross back into the host.
    static void keep(void* ctx, std::string Answer::*member, timmy_str text) noexcept {
      auto* self = static_cast<Answer*>(ctx);
      try {
        self->*member = detail::view(text);
      } catch (...) {
        self->out_of_memory = true;
      }
    }
    static void set_result(void* ctx, timmy_str json) noexcept { keep(ctx, &Answer::result, json); }
    static void set_error(void* ctx, timmy_str code, timmy_str message) noexcept {
      keep(ctx, &Answer::code, code);
      keep(ctx, &Answer::message, message);
    }
    static void set_delay(void* ctx, std::int64_t milliseconds) noexcept {
      static_cast<Answer*>(ctx)->delay = Milliseconds(milliseconds);
    }
  };

  const timmy_run* run_;
};

}  // namespace timmy
