// SPDX-License-Identifier: Apache-2.0
//
// The host's one error type. Functions throw it; a callback is handed it inside a Result.
// It stops at four edges: a command (cli/), a job (workers/), an HTTP handler (control/) and a
// service call (services/). Everything between lets it pass.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace host {

// What kind of failure this is, and so what a caller may do about it. Stable: `--json` prints the
// name, sysexits codes derive from it, and a retry policy reads it.
enum class Code {
  usage,            // the caller asked for something that makes no sense
  invalid,          // data (a file, a payload, a reply) is not of its form
  not_found,        // the named object does not exist
  not_granted,      // the operator has not granted this
  denied,           // the other side, or the kernel, refused: authentication, permission, mode
  conflict,         // the object's state forbids it, or another got there first
  stale,            // a run lease that is no longer the job's
  already_running,  // another host holds this state directory
  unavailable,      // the other side can't be reached now; later may work
  rate_limited,     // the other side asked for a pause
  timed_out,        // a deadline passed
  cancelled,        // somebody asked for it to stop
  too_large,        // a stated cap was exceeded
  corrupt,          // stored data is damaged; nothing was changed
  io,               // the operating system failed a read, a write or a start
  unsupported,      // this kernel, server or version lacks it
  internal,         // a bug of the host
  busy,             // others have it now, and give it back soon
};

// The name as printed and serialised, e.g. "not_granted". Static storage.
[[nodiscard]] std::string_view name(Code code) noexcept;

// The sysexits(3) status with which a command ends on this code.
[[nodiscard]] int exit_status(Code code) noexcept;

class Error : public std::exception {
 public:
  // `message`: what went wrong, where (file:line or object) and what was expected, one sentence
  // without a full stop. `next_step`: what to do about it, an imperative sentence; empty only when
  // there is nothing a person could do.
  Error(Code code, std::string message, std::string next_step = {});

  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& next_step() const noexcept { return next_step_; }

  // "message; next step", for logs.
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

  // Whether the same call may succeed later without anybody changing anything.
  [[nodiscard]] bool transient() const noexcept;

 private:
  Code code_;
  std::string message_;
  std::string next_step_;
  std::string what_;
};

// An Error from errno: "<doing>: <strerror>", with the code that fits the number.
// `number` defaults to errno at the call.
[[nodiscard]] Error system_error(std::string_view doing, std::string next_step = {});
[[nodiscard]] Error system_error(int number, std::string_view doing, std::string next_step = {});

// The exception in flight as an Error: itself if it is one, Code::internal with its what() if not.
// Call only inside a catch block.
[[nodiscard]] Error current_error() noexcept;

}  // namespace host
