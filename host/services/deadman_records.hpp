// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "deadman/state.hpp"

namespace host {

class Unit;

// Writes into the audit what the deadman recorded and is not there yet, each record once whoever
// made it: as "deadman.restarted" of the watch, with its evidence. Up to where it has come is kept
// in the same transaction, under `file`'s name ("state.json"). Records that the file had dropped
// before they were taken over make one line that says so. Returns how many lines were written.
// Store thread, inside a unit of work.
int take_over_records(Unit& unit, std::string_view file, const deadman::State& state);

}  // namespace host
