// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "dispatch/dispatcher_outside.hpp"

namespace host::dispatch {

// What an item does next, and what that costs it.
struct Outcome {
  Move move = Move::fail;
  std::string reason;    // for people
  std::string feedback;  // for the agent's next attempt
  bool counts = false;   // an attempt is used up
  Duration delay{};      // before the next one
  bool pauses = false;   // one of its pauses is used up
  bool for_cap = false;  // it waits for a cap to begin anew
};

struct OutcomeTerms {
  // After the first; each further one is twice as long, up to the longest.
  Duration rate_limit_pause = std::chrono::minutes(5);
  Duration longest_rate_limit_pause = std::chrono::hours(4);
  int most_rate_limits = 10;
  int most_cap_pauses = 30;
  // Of a run that was not started; and the least for a cap.
  Duration least_pause = std::chrono::minutes(1);
  WallTime now{};  // by the clock of RunFacts::renews
};

// Of an attempt that has ended, by facts alone: how it ended, and what came in of its commits.
// Item::tokens is with what it used.
// `refused`: why they could not be taken in, if it is the work's fault. That the agent ended well
// is no reason to pass, nor that it ended badly one to throw its commits away: verify looks at
// them.
[[nodiscard]] Outcome outcome_of_run(const Item& item, const Playbook& playbook,
                                     const RunFacts& facts, const ImportedWork& work,
                                     const std::optional<Error>& refused,
                                     const OutcomeTerms& terms);

// Of the host's own gates.
[[nodiscard]] Outcome outcome_of_gates(const Item& item, const Playbook& playbook,
                                       const WorkVerdict& verdict);

}  // namespace host::dispatch
