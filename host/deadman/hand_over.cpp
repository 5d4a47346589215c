// SPDX-License-Identifier: Apache-2.0
#include "deadman/hand_over.hpp"

#include <fmt/format.h>

#include "config/json_schema.hpp"
#include "deadman/standing.hpp"

namespace host::deadman {

std::vector<DueHandOver> due_hand_overs(const Settings& settings, const State& state,
                                        const std::set<std::string>& withheld, const Moment& now) {
  std::vector<DueHandOver> due;
  for (const auto& watch : settings.watches) {
    if (!watch.dispatch) continue;
    const auto standing = standing_of(watch, state, now, settings.dry_run);
    const bool given_up = standing.handed_off || !watch.restart || withheld.contains(watch.name);
    if (!standing.active || standing.state != "silent" || !given_up) continue;
    due.push_back({watch.name, watch.dispatch->from, watch.dispatch->to,
                   watch.name + " has given no sign of life for " + brief(standing.silent)});
  }
  return due;
}

std::vector<MissingLane> missing_lanes(const Watch& watch, const std::set<std::string>& lanes) {
  std::vector<MissingLane> missing;
  const auto look_at = [&](const char* key, const std::string& lane) {
    if (lanes.contains(lane)) return;
    const auto meant = nearest(lane, {lanes.begin(), lanes.end()});
    missing.push_back({key, fmt::format("watch.{}.dispatch.{} names lane {}, which "
                                        "agent-lanes.json has not{}",
                                        watch.name, key, lane,
                                        meant.empty() ? "" : "; did you mean " + meant + "?")});
  };
  if (watch.dispatch) {
    look_at("from", watch.dispatch->from);
    look_at("to", watch.dispatch->to);
  }
  return missing;
}

}  // namespace host::deadman
