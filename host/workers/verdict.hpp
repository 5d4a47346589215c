// SPDX-License-Identifier: Apache-2.0
//
// From what the host saw of a run to how it ended, in words. Pure.
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "queue/job.hpp"
#include "workers/message.hpp"
#include "workers/worker_spec.hpp"

namespace host {

// Why the host stopped a run, if it did. bystander: it did not, but SIGTERM, meant for the run
// before it, may have met it.
enum class Stop { none, deadline, cancelled, interrupted, bystander };

// How a worker ended.
struct Death {
  bool signalled = false;
  int number = 0;  // the signal, or the exit status
  rusage usage{};
  std::uint64_t max_rss_bytes = 0;  // of its own; 0: not known, as it was below the host's
  bool killed = false;              // by SIGKILL of the host
  bool closed_channel = false;      // while it went on living
  bool out_of_memory = false;       // it said that an allocation had failed
  std::string protocol;             // how it broke the protocol, or empty
};

// A run that the worker ended itself. `stop`: the host had asked it to. Nothing about usage and
// output.
[[nodiscard]] Verdict verdict_of(const ResultMessage& result, Stop stop, Duration timeout);

// The run that was under way when its worker died. `starting`: the plugin was being made, for it.
[[nodiscard]] Verdict verdict_of(const Death& death, Stop stop, Duration timeout,
                                 const Limits& limits, bool starting);

// How a failed service call is told to the plugin that made it: a timmy_status.
[[nodiscard]] std::int32_t status_of(const Error& failure);
// A plugin's level of a line; an unknown one is an error, as timmy/abi.h has it.
[[nodiscard]] Level level_of(std::int32_t timmy_log_level);

// A plugin that could not be made.
[[nodiscard]] Verdict verdict_of(const Refused& refused);

// "SIGSEGV".
[[nodiscard]] std::string signal_name(int number);

[[nodiscard]] Duration cpu_time(const rusage& usage);

}  // namespace host
