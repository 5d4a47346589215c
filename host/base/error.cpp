// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <sysexits.h>

#include <cerrno>
#include <new>
#include <system_error>

namespace host {
namespace {

Code code_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH: return Code::not_found;
    case EACCES:
    case EPERM:
    case ELOOP: return Code::denied;
    case EEXIST:
    case EBUSY:
    case ENOTEMPTY: return Code::conflict;
    case ETIMEDOUT: return Code::timed_out;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT: return Code::unavailable;
    case EFBIG:
    case EMSGSIZE:
    case ENAMETOOLONG: return Code::too_large;
    case ENOSYS:
    case EOPNOTSUPP: return Code::unsupported;
    default: return Code::io;
  }
}

}  // namespace

std::string_view name(Code code) noexcept {
  switch (code) {
    case Code::usage: return "usage";
    case Code::invalid: return "invalid";
    case Code::not_found: return "not_found";
    case Code::not_granted: return "not_granted";
    case Code::denied: return "denied";
    case Code::conflict: return "conflict";
    case Code::stale: return "stale";
    case Code::already_running: return "already_running";
    case Code::unavailable: return "unavailable";
    case Code::rate_limited: return "rate_limited";
    case Code::timed_out: return "timed_out";
    case Code::cancelled: return "cancelled";
    case Code::too_large: return "too_large";
    case Code::corrupt: return "corrupt";
    case Code::io: return "io";
    case Code::unsupported: return "unsupported";
    case Code::internal: return "internal";
    case Code::busy: return "busy";
  }
  return "internal";
}

int exit_status(Code code) noexcept {
  switch (code) {
    case Code::usage: return EX_USAGE;
    case Code::invalid:
    case Code::corrupt:
    case Code::too_large: return EX_DATAERR;
    case Code::not_found: return EX_NOINPUT;
    case Code::not_granted:
    case Code::denied: return EX_NOPERM;
    case Code::already_running:
    case Code::rate_limited:
    case Code::busy:
    case Code::timed_out: return EX_TEMPFAIL;
    case Code::unavailable:
    case Code::unsupported: return EX_UNAVAILABLE;
    case Code::io: return EX_IOERR;
    case Code::conflict:
    case Code::stale:
    case Code::cancelled: return 1;
    case Code::internal: return EX_SOFTWARE;
  }
  return EX_SOFTWARE;
}

Error::Error(Code code, std::string message, std::string next_step)
    : code_(code), message_(std::move(message)), next_step_(std::move(next_step)) {
  what_ = next_step_.empty() ? message_ : message_ + "; " + next_step_;
}

bool Error::transient() const noexcept {
  return code_ == Code::unavailable || code_ == Code::rate_limited || code_ == Code::timed_out ||
         code_ == Code::busy;
}

Error system_error(std::string_view doing, std::string next_step) {
  return system_error(errno, doing, std::move(next_step));
}

Error system_error(int number, std::string_view doing, std::string next_step) {
  return {code_of(number), std::string(doing) + ": " + std::generic_category().message(number),
          std::move(next_step)};
}

Error current_error() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {Code::unavailable, "out of memory"};
  } catch (const std::exception& error) {
    return {Code::internal, error.what()};
  } catch (...) {
    return {Code::internal, "an exception of unknown type"};
  }
}

}  // namespace host
