// SPDX-License-Identifier: Apache-2.0
//
// The looks of `deadman --once`, and what the other commands of the deadman need of them.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "deadman/settings.hpp"
#include "deadman/stamp_looker.hpp"
#include "deadman/state.hpp"

namespace host::cli {

[[nodiscard]] deadman::Moment now();

// By which name alerts tell of this host: the one that a running host goes by, too. Where host.yaml
// can't be read it is what --host says, or the machine's own.
[[nodiscard]] std::string named_host(const Session& session);

// What is kept, in this process's hands. Waits half a minute for another deadman to end. Throws
// what StateFile's constructor throws.
[[nodiscard]] deadman::StateFile take_turn(const Session& session,
                                           const deadman::Settings& settings);

// REQUIRES: seen_from_outside(watch)
[[nodiscard]] deadman::Sign look_at(const Session& session, const deadman::Watch& watch,
                                    deadman::StampLooker& stamps);

// What a look by `settings` would do now. Does and keeps nothing.
[[nodiscard]] std::vector<deadman::Record> say(const Session& session,
                                               const deadman::Settings& settings);

// Looks, and with the state in hand then acts and keeps. Where that can't be, somebody is told (see
// tell_own_fault()), and the Error goes on.
[[nodiscard]] std::vector<deadman::Record> act(
    const Session& session, const deadman::Settings& settings,
    deadman::StampLooker stamps = deadman::StampLooker());

}  // namespace host::cli
