// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// gitea.triage_cold and gitea.triage_warm: requests that the first and a later round of triage over
// seven repositories with 2,000 open issues take, to those of a loop that reads all of them.
void triage_requests(const Output& output);

}  // namespace bench
