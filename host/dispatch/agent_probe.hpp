// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "dispatch/agent.hpp"
#include "dispatch/item_cage.hpp"

namespace host::dispatch {

// Asks a program what it is, in a cage of its own. Blocks; any thread but the loop's.
[[nodiscard]] AgentProbe caged_probe(std::shared_ptr<ItemCages> cages);

}  // namespace host::dispatch
