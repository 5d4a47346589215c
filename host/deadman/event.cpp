// SPDX-License-Identifier: Apache-2.0
#include "deadman/event.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.hpp"

namespace host::deadman {
namespace {

constexpr std::array<std::string_view, 14> kNames{
    "died",         "restarting", "restarted",    "restart_failed", "restart_unknown",
    "handed_off",   "healthy",    "unwatchable",  "watchable",      "cleared",
    "alert_failed", "state_lost", "carried_over", "forgotten"};

}  // namespace

std::string_view name(Event event) noexcept { return kNames.at(static_cast<std::size_t>(event)); }

Event event_named(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end())
    throw Error(Code::invalid, "\"" + std::string(name) + "\" is no event of the deadman");
  return static_cast<Event>(found - kNames.begin());
}

}  // namespace host::deadman
