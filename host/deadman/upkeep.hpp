// SPDX-License-Identifier: Apache-2.0
//
// What is kept and what deadman.yaml names, brought into line after an edit. Pure: time goes in.
#pragma once

#include <string>
#include <vector>

#include "deadman/settings.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

// So long is kept what belongs to no watch, in time in which the machine was awake; and of so many
// watches that are no more.
inline constexpr Duration kForgottenAfter = std::chrono::hours(24 * 30);
inline constexpr std::size_t kMostUnwatched = 100;

struct CarriedOver {
  std::string watch;
  std::string text;  // what a person should know
};

// Where a watch's `restart` was added, removed or corrected since the last look, what is known of
// the watch (its flag, hand-off, tries, what is still to be told) goes with it; how often something
// was restarted stays with that, and a hand-off of either holds. A watch of another name that
// restarts the same is the same. Returns those of which there was something to say. For whoever
// only shows how things stand; others call bring_into_line().
std::vector<CarriedOver> carry_over(State& state, const Settings& all);

// Does that, and forgets what has belonged to no watch for too long. Before each look, with all
// watches there are. What was carried over or forgotten is recorded; returns these records.
std::vector<Record> bring_into_line(State& state, const Settings& all, const Moment& now,
                                    WallTime at);

}  // namespace host::deadman
