// SPDX-License-Identifier: Apache-2.0
#include "deadman/hand_over.hpp"

#include "deadman/standing.hpp"

namespace host::deadman {

std::vector<DueHandOver> due_hand_overs(const Settings& settings, const State& state,
                                        const std::set<std::string>& withheld, const Moment& now) {
  std::vector<DueHandOver> due;
  for (const auto& watch : settings.watches) {
    if (!watch.dispatch) continue;
    const auto standing = standing_of(watch, state, now);
    const bool given_up = standing.handed_off || !watch.restart || withheld.contains(watch.name);
    if (!standing.active || standing.state != "silent" || !given_up) continue;
    due.push_back({watch.name, watch.dispatch->from, watch.dispatch->to,
                   watch.name + " has given no sign of life for " + brief(standing.silent)});
  }
  return due;
}

}  // namespace host::deadman
