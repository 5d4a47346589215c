// SPDX-License-Identifier: Apache-2.0
//
// Concurrency by key. Of the available and running jobs of one task and key at most `key_limit`
// have their turn (waits_turn = 0); only those are claimed. The rule is kept by SQL at every
// transition, so that a claim never has to look past jobs that must wait. Store thread.
#pragma once

#include <string_view>

#include "store/unit.hpp"

namespace host {

// Gives turns to the first that wait for one, as far as there is room. To be called after any
// change to jobs of this task and key: one that became available (it begins with waits_turn = 1),
// or one that stopped being available or running. Whether one got its turn.
bool give_turns(Unit& unit, std::string_view task, std::string_view key);

}  // namespace host
