// SPDX-License-Identifier: Apache-2.0
#include "workers/verdict.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <string.h>
#include <timmy/abi.h>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {
namespace {

using Kind = Verdict::Kind;

constexpr Duration kSnooze = std::chrono::seconds(60);

Verdict failed(bool permanent, std::string code, std::string message) {
  return {.kind = Kind::failed,
          .permanent = permanent,
          .code = std::move(code),
          .message = std::move(message)};
}

// Why a run that was asked to stop ended, whatever it or its worker said.
Verdict stopped(Stop stop, Duration timeout) {
  switch (stop) {
    case Stop::deadline:
      return {.kind = Kind::timed_out,
              .code = "deadline",
              .message = "ran past its deadline of " + format_duration(timeout)};
    case Stop::cancelled:
      return {.kind = Kind::cancelled, .code = "cancelled", .message = "cancelled while it ran"};
    case Stop::bystander:
      return {.kind = Kind::interrupted,
              .code = "interrupted",
              .message = "interrupted: its worker was being stopped for the run before it"};
    default:
      return {.kind = Kind::interrupted,
              .code = "interrupted",
              .message = "interrupted: the host stopped"};
  }
}

Verdict completed(const ResultMessage& result) {
  if (result.result.size() > kPayloadCap)
    return failed(
        true, "too_large",
        fmt::format("the result has {} bytes, of {} at most", result.result.size(), kPayloadCap));
  if (!result.result.empty()) {
    try {
      if (!parse_json(result.result, "the result").is_object())
        return failed(true, "invalid_result", "the result is no JSON object");
    } catch (const Error& error) {
      return failed(true, "invalid_result", error.message());
    }
  }
  return {.kind = Kind::completed, .result = std::string(result.result)};
}

// What ended a worker: a code and a phrase.
std::pair<std::string, std::string> cause(const Death& death, const Limits& limits) {
  const auto memory = fmt::format("over its memory limit of {} MiB", limits.memory_bytes >> 20);
  if (!death.protocol.empty())
    return {"protocol", "broke the protocol and was killed: " + death.protocol};
  if (death.closed_channel)
    return {"channel", "closed its channel to the host while it ran, and was killed"};
  if (!death.signalled && death.number == 0)
    return {"no_result", "exited with status 0 and gave no result"};
  if (death.out_of_memory)
    return {"memory", death.signalled
                          ? "was ended by " + signal_name(death.number) + ", " + memory
                          : fmt::format("exited with status {}, ", death.number) + memory};
  if (!death.signalled) return {"exit", fmt::format("exited with status {}", death.number)};
  if (death.number == SIGXCPU)
    return {"cpu", "used up its CPU limit of " + format_duration(limits.cpu)};
  if (death.number == SIGXFSZ)
    return {"file_size",
            fmt::format("wrote past its file limit of {} MiB", limits.file_bytes >> 20)};
  if (death.number == SIGKILL && !death.killed)
    return {"signal",
            "was killed by SIGKILL, which was not the host's (the kernel's out-of-memory "
            "killer, or an operator)"};
  return {"signal", "was ended by " + signal_name(death.number)};
}

}  // namespace

Verdict verdict_of(const ResultMessage& result, Stop stop, Duration timeout) {
  // Work that was finished after all counts.
  if (result.status == TIMMY_OK) return completed(result);
  Verdict verdict;
  if (result.status == TIMMY_SNOOZE) {
    verdict.kind = Kind::snoozed;
    verdict.delay = kSnooze;
  } else if (stop != Stop::none) {
    verdict = stopped(stop, timeout);
  } else if (result.status == TIMMY_CANCELLED) {
    verdict = {.kind = Kind::cancelled, .code = "cancelled", .message = "cancelled by the plugin"};
  } else {
    verdict = failed(result.status != TIMMY_RETRYABLE, std::string(kNoReason),
                     "the plugin failed and gave no reason");
  }
  if (!result.code.empty() && verdict.kind != Kind::timed_out) verdict.code = result.code;
  if (!result.message.empty())
    verdict.message = stop == Stop::none ? std::string(result.message)
                                         : verdict.message + "; " + std::string(result.message);
  if (result.delay_ms >= 0)
    verdict.delay = std::chrono::milliseconds(std::min<std::int64_t>(
        result.delay_ms, std::chrono::milliseconds(std::chrono::days(366)).count()));
  return verdict;
}

Verdict verdict_of(const Death& death, Stop stop, Duration timeout, const Limits& limits,
                   bool starting) {
  Verdict verdict;
  const auto [code, phrase] = cause(death, limits);
  if (stop != Stop::none && death.protocol.empty()) {
    verdict = stopped(stop, timeout);
    verdict.message += "; its worker " + phrase;
  } else {
    verdict = {.kind = Kind::crashed, .code = code, .message = "its worker " + phrase};
  }
  if (starting && stop == Stop::deadline)
    verdict.message = "the plugin was not made within " + format_duration(timeout);
  else if (starting)
    verdict.message += ", while the plugin was being made";
  verdict.signal = death.signalled ? death.number : 0;
  verdict.exit_status = death.signalled ? 0 : death.number;
  return verdict;
}

Verdict verdict_of(const Refused& refused) {
  return failed(refused.permanent, std::string(refused.code), std::string(refused.message));
}

std::int32_t status_of(const Error& failure) {
  if (failure.code() == Code::cancelled) return TIMMY_CANCELLED;
  return failure.transient() ? TIMMY_RETRYABLE : TIMMY_PERMANENT;
}

Level level_of(std::int32_t timmy_log_level) {
  switch (timmy_log_level) {
    case TIMMY_LOG_DEBUG: return Level::debug;
    case TIMMY_LOG_INFO: return Level::info;
    case TIMMY_LOG_WARN: return Level::warn;
    default: return Level::error;
  }
}

std::string signal_name(int number) {
  const char* const known = ::sigabbrev_np(number);
  return known != nullptr ? std::string("SIG") + known : fmt::format("signal {}", number);
}

Duration cpu_time(const rusage& usage) {
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + Duration(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace host
