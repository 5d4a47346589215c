// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "reading.hpp"

namespace provenance {

// One session of what several stores hold of it, sealed. There is one version at least, and they
// stand in this order: of databases, exports, snapshots, transcripts.
//
// Messages are those of the version that has the most, as Hermes itself has it, and of the first of
// those. All else is the database's; where there is none, it is the first version's, and what that
// doesn't know is the next one's.
[[nodiscard]] Reading merge(std::vector<Reading> versions);

}  // namespace provenance
