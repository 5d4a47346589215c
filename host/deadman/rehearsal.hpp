// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "deadman/runner.hpp"
#include "deadman/settings.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

struct Rehearsed {
  Duration after{};  // since the last sign of life
  Record record;
  std::vector<std::string> alert;  // by which it would be told; empty: it is not
};

// What would be recorded if `watch` fell silent now and stayed so, until nothing more is done about
// it. Time is made up, nothing is looked at, kept or run; `runner` is the one that would run it.
[[nodiscard]] std::vector<Rehearsed> rehearse_death(const Settings& settings, const Watch& watch,
                                                    const Runner& runner);

// Where a restart would be asked for.
struct Machine {
  Runner& runner;  // by which systemd is asked about the unit
  uid_t user;      // whom the deadman runs as
  std::filesystem::path root = "/";
};

// Why a death of `watch` would not be seen, or nothing could be done about it on this machine, as
// far as that shows without doing it: a line each. Whether polkit lets the user do it shows only
// then. `sign` is what is seen of it now; none where only a running host could tell.
[[nodiscard]] std::vector<std::string> shortcomings(const Settings& settings, const Watch& watch,
                                                    const std::optional<Sign>& sign,
                                                    const Machine& machine);

}  // namespace host::deadman
