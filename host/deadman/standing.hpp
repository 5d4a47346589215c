// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deadman/settings.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

// How one watch stands, for people and `--json`.
struct Standing {
  std::string name;
  std::string kind;          // "stamp", "host", "task", "work"
  std::string watched;       // see watched()
  std::string looked_at_by;  // see looked_at_by()
  // unseen (nobody has looked yet), unlooked (nobody has looked lately), unwatchable (for
  // a while), waiting, alive, silent, restarted (and no sign since), recovering
  std::string state;
  std::optional<Duration> last_look;  // how long ago; none in this boot
  Duration silent{};                  // as far as it was looked at
  Duration after{};
  int tries = 0;
  int max_retries = 0;
  bool active = false;
  bool handed_off = false;
  std::optional<WallTime> untold_since;  // since when nobody could be told
  std::string text;                      // what a person should know; may be empty
};

// `dry_run`: `state` is that of a dry run.
[[nodiscard]] Standing standing_of(const Watch& watch, const State& state, const Moment& now,
                                   bool dry_run);

// Whether a person should look at it: its flag is up, hands are off, it can't be watched or nobody
// looks, or nobody could be told.
[[nodiscard]] bool needs_a_person(const Standing& standing);
// That in a line: "hermes: deadman_active; hands off until: timmy-host deadman clear hermes".
[[nodiscard]] std::string attention(const Standing& standing);

// One for each watch, in their order.
[[nodiscard]] std::vector<Standing> standings(const Settings& settings, const State& state,
                                              const Moment& now);

[[nodiscard]] Json to_json(const Standing& standing);

}  // namespace host::deadman
