// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <timmy/services.hpp>

namespace triage {

// Forgets the records of a repository's issues that have not been open for 30 days; one that is
// opened again within them is still known. `home`: see Homes. `open`: all that are open now. Once a
// day is enough.
void forget_closed(timmy::State state, const std::string& home, const std::set<std::int64_t>& open,
                   timmy::Time now);

}  // namespace triage
