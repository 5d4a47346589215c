// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstring>

#include "base/error.hpp"
#include "dispatch/agent_command.hpp"
#include "dispatch/agent_hermes.hpp"
#include "dispatch/agent_scratch.hpp"

namespace host::dispatch {
namespace {

// sysexits(3), and what execvp(3)'s callers make of a program that can't be run.
constexpr int kBadSettings = 78;
constexpr int kNotExecutable = 126;
constexpr int kNoProgram = 127;

std::string signal_name(int number) {
  const char* known = ::sigabbrev_np(number);
  return known == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", known);
}

std::string with_words(std::string text, const AgentExit& exit) {
  const auto words = last_words(exit.tail);
  return words.empty() ? text : text + ": " + words;
}

}  // namespace

std::string_view name(AgentEnd::Kind kind) noexcept {
  switch (kind) {
    case AgentEnd::Kind::ended: return "ended";
    case AgentEnd::Kind::rate_limited: return "rate-limited";
    case AgentEnd::Kind::not_usable: return "not usable";
    case AgentEnd::Kind::stopped: return "stopped";
  }
  return "ended";
}

AgentEnd Agent::judge(const AgentExit& exit) const {
  using Kind = AgentEnd::Kind;
  if (exit.ended_by_host) return {.kind = Kind::stopped, .reason = "was stopped by the host"};
  if (exit.signalled)
    return {.kind = Kind::ended, .reason = "was killed by " + signal_name(exit.number)};
  switch (exit.number) {
    case 0: return {.kind = Kind::ended, .reason = "ended with status 0"};
    case kTryLater:
      return {.kind = Kind::rate_limited,
              .reason = with_words("asks to be tried again later (status 75)", exit)};
    case kBadSettings:
    case kNotExecutable:
    case kNoProgram:
      return {.kind = Kind::not_usable,
              .reason = with_words(
                  fmt::format("can't work as it is set up (status {})", exit.number), exit)};
    default:
      return {.kind = Kind::ended,
              .reason = with_words(fmt::format("ended with status {}", exit.number), exit)};
  }
}

std::unique_ptr<Agent> make_agent(const AgentSettings& settings, const AgentPlaces& places,
                                  const AgentProbe& probe) {
  if (const auto fault = agent_fault(settings))
    throw Error(Code::invalid, "the agent " + *fault, "Mend it in agent-lanes.json.");
  if (*settings.kind == AgentKind::hermes) return make_hermes(settings, places, probe);
  return make_command(settings, places);
}

}  // namespace host::dispatch
