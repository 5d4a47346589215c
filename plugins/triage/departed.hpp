// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <timmy/services.hpp>

#include "names.hpp"

namespace triage {

// Forgets what is kept of repositories that none of the config's `repos` has covered for 30 days:
// one that comes back before is still known. At most a thousand keys a time; the rest goes with the
// next ones. Once a day is enough.
void forget_departed(timmy::State state, const Names& repos, timmy::Time now);

}  // namespace triage
