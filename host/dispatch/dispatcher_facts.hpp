// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a run and of a verdict, as the evidence of their gates: a report is written from
// it, also by a host that did not see them.
#pragma once

#include <vector>

#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/item.hpp"

namespace host::dispatch {

[[nodiscard]] Json to_json(const RunFacts& facts);
[[nodiscard]] Json to_json(const ImportedWork& work);
// What to_json() made.
[[nodiscard]] RunFacts run_facts_from(const Json& json);

// Of the last visit to track that has a run in its evidence; without one as if nothing had run.
// These throw as whole_evidence().
[[nodiscard]] RunFacts last_run(const std::vector<GateVisit>& visits);
// Of the last visit to verify that has a verdict; without one it is not passed.
[[nodiscard]] WorkVerdict last_verdict(const std::vector<GateVisit>& visits);

}  // namespace host::dispatch
