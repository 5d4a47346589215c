// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deadman/settings.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

// How one watch stands, for people and `--json`.
struct Standing {
  std::string name;
  std::string watched;  // the stamp, or "the host"
  // unseen (nobody has looked in this boot), waiting, alive, silent, restarted (and no sign since),
  // recovering, unwatchable
  std::string state;
  Duration silent{};  // as far as it was looked at
  Duration after{};
  int tries = 0;
  int max_retries = 0;
  bool active = false;
  bool handed_off = false;
  std::string text;  // what a person should know; may be empty
};

// One for each watch, in their order. `now` only says whether what is kept is of this boot.
[[nodiscard]] std::vector<Standing> standings(const Settings& settings, const State& state,
                                              const Moment& now);

[[nodiscard]] Json to_json(const Standing& standing);

}  // namespace host::deadman
