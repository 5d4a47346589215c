// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
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

// What one store has of a session.
struct Version {
  Reading reading;
  Owner owner = Owner::home;
};

// Those versions that may be merged, in their order; one at least. A run's is never
// merged with others, since its agent could put words into a session that is somebody else's: where
// a home has one of that id, the home's count, and what a run has is told in `troubles`; elsewhere
// the first run's counts alone, beside which an export is a copy of it.
[[nodiscard]] std::vector<Reading> of_one_owner(std::vector<Version> versions,
                                                std::vector<std::string>& troubles);

}  // namespace provenance
