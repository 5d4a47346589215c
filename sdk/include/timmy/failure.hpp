// SPDX-License-Identifier: Apache-2.0
//
// How a run ends other than well: throw one of these from a task. A call to the host throws them
// too, so what is not caught ends the run in the way that fits what the host said. Everything here:
// since ABI 1.0; values that own their texts, for any thread; nothing throws but std::bad_alloc.
#pragma once

#include <timmy/abi.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace timmy {

using Milliseconds = std::chrono::milliseconds;

// The base of what follows. `code` is a short stable name for programs ("not_granted"), `message` a
// sentence for people that says what went wrong and what was expected. Never put a secret in it.
class Failure : public std::runtime_error {
 public:
  [[nodiscard]] const std::string& code() const noexcept { return code_; }
  [[nodiscard]] timmy_status status() const noexcept { return status_; }
  [[nodiscard]] std::optional<Milliseconds> delay() const noexcept { return delay_; }

 protected:
  Failure(timmy_status status, std::string code, const std::string& message,
          std::optional<Milliseconds> delay)
      : std::runtime_error(message), code_(std::move(code)), status_(status), delay_(delay) {}

 private:
  std::string code_;
  timmy_status status_;
  std::optional<Milliseconds> delay_;
};

// May work later, with nobody changing anything. Burns an attempt; the job runs again after its
// task's back-off, and not before `delay`.
class Retryable : public Failure {
 public:
  Retryable(std::string code, const std::string& message,
            std::optional<Milliseconds> delay = std::nullopt)
      : Failure(TIMMY_RETRYABLE, std::move(code), message, delay) {}
};

// Fails again however often it is tried. The job is discarded.
class Permanent : public Failure {
 public:
  Permanent(std::string code, const std::string& message)
      : Failure(TIMMY_PERMANENT, std::move(code), message, std::nullopt) {}
};

// The run was asked to stop and does. Thrown by every call to the host once that is so.
class Cancelled : public Failure {
 public:
  explicit Cancelled(const std::string& message = "the run was cancelled")
      : Failure(TIMMY_CANCELLED, "cancelled", message, std::nullopt) {}
};

// Not now: the job runs again after `delay`. Burns no attempt.
class Snooze : public Failure {
 public:
  Snooze(Milliseconds delay, const std::string& reason)
      : Failure(TIMMY_SNOOZE, "snooze", reason, delay) {}
};

}  // namespace timmy
