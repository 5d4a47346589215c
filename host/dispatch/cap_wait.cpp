// SPDX-License-Identifier: Apache-2.0
#include "dispatch/cap_wait.hpp"

#include <fmt/format.h>

#include "dispatch/item_store.hpp"

namespace host::dispatch {
namespace {

constexpr const char* kKey = "waits_for_cap";

}  // namespace

std::string caps_in_force(std::int64_t generation, const Lane* lane) {
  const auto day = lane == nullptr ? std::nullopt : lane->budget.tokens_per_day;
  return fmt::format("budget {}, tokens_per_day {}", generation, day ? std::to_string(*day) : "-");
}

void note_cap_wait(Json& evidence, const std::string& caps) { evidence[kKey] = caps; }

std::string noted_cap_wait(Unit& unit, const Item& item) {
  if (item.at != Position{Gate::track, ItemState::waiting}) return {};
  const auto visits = gate_visits(unit, item.id);
  if (visits.empty() || visits.back().verdict != GateVerdict::open) return {};
  return visits.back().evidence.value(kKey, "");
}

}  // namespace host::dispatch
