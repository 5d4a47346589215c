// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "deadman/settings.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

// Work that is to go from a dead agent's lane to another one.
struct DueHandOver {
  std::string watch;
  std::string from;
  std::string to;
  std::string why;  // for people: "hermes has given no sign of life for 40m"
};

// Of each watch with `dispatch` that is silent now, and of which no restart is to be hoped for: it
// has none, or hands are off, or it is among `withheld`, by name (Looked::withheld). Nothing of one
// that nobody looks at any more, or that can't be watched: what is not known to be dead keeps its
// work. In the order of the watches.
[[nodiscard]] std::vector<DueHandOver> due_hand_overs(const Settings& settings, const State& state,
                                                      const std::set<std::string>& withheld,
                                                      const Moment& now);

// A lane that `dispatch` names and that there is none of among `lanes`.
struct MissingLane {
  std::string key;   // of `dispatch`: "from", "to"
  std::string text;  // for people, and what was probably meant
};
[[nodiscard]] std::vector<MissingLane> missing_lanes(const Watch& watch,
                                                     const std::set<std::string>& lanes);

}  // namespace host::deadman
