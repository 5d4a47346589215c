// SPDX-License-Identifier: Apache-2.0
//
// What is refused: the forge or the machine says that the host may not. A person has to change
// that, so it is tried again for some time. How long already stands in the evidence of the item's
// visit to the gate: across hosts, and for people to see.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "dispatch/item.hpp"

namespace host::dispatch {

// `first`, then twice as long for each of `before`, up to `longest`.
[[nodiscard]] Duration longer_each_time(Duration first, int before, Duration longest);

// One after another, with nothing between them that came to an end.
struct Refusals {
  WallTime since{};  // the first
  int count = 0;
};

// Those that the evidence of the visits tells of: of the last visit, and of those before it that
// were interrupted.
[[nodiscard]] std::optional<Refusals> refusals_in(const std::vector<GateVisit>& visits);
// Whether the item waits at its gate for what was refused there, by its visits.
[[nodiscard]] bool waits_refused(const Item& item, const std::vector<GateVisit>& visits);
// The evidence with these.
[[nodiscard]] Json with_refusals(Json evidence, const Refusals& refusals);

}  // namespace host::dispatch
