// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the ledger, and what it answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "tokens/budget.hpp"
#include "tokens/spender.hpp"
#include "tokens/usage.hpp"

namespace host {

using ReservationId = Id<struct ReservationTag>;
using HoldId = Id<struct HoldTag>;

// A cap that keeps something from being granted. As an Error its code is busy where the cap is not
// reached, whatever it says: calls and runs under way hold what is left, and give back soon what
// they don't use; rate_limited where waiting until `reset` helps (WhenReached::queue_until_reset,
// and pause); unavailable where that has come since the reservation, so that a new one may do;
// denied where waiting doesn't help. The message says which cap, how much of it is left, and what
// is held or when it begins anew.
class BudgetRefusal : public Error {
 public:
  BudgetRefusal(Code code, Dimension about, std::string whose, WhenReached then,
                std::string message, std::string next_step, std::optional<WallTime> begins_anew);
  Dimension dimension;
  std::string name;
  WhenReached when;
  std::optional<WallTime> reset;  // of caps that begin anew; empty too where more is asked for than
                                  // the whole cap, and where it is only held
};

struct ReserveAsk {
  Spender spender;
  Tokens tokens;                   // as many as the run may use; 0: none ahead, each hold asks anew
  std::optional<ModelName> model;  // where it is known that there is only one
};

// A cap that whoever opened a run sets on it, besides those of the budget. It is over the account
// that the run's tokens go to in that dimension, with all that others put there. Where that begins
// anew it is queue_until_reset, else refuse.
struct OwnCap {
  Dimension dimension = Dimension::run;
  Tokens tokens;
  std::string what;       // "limits.tokens of the playbook fixer, 10000 for all attempts together,"
  std::string next_step;  // for whoever may raise it
};

// A run that is open, and what it has of that.
struct OpenRun {
  ReservationId reservation;
  std::vector<OwnCap> caps;
};

struct HoldAsk {
  ModelName model;
  Tokens input;                   // no call of this size can take more
  Tokens output;                  // as many as asked for
  Tokens least_output;            // as few as would do: the hold may be lowered down to this
  std::vector<OwnCap> caps = {};  // of the run's own: they bind as those of the budget do
};
struct Hold {
  HoldId id;
  Tokens input;
  Tokens output;  // what was granted; at most what was asked for
};

// How a call ended.
struct Settlement {
  std::optional<TokenUsage> usage;  // nothing: unknown, and the hold is charged
  UsageSource source = UsageSource::meter;
};
struct Charge {
  std::int64_t row = 0;  // of the ledger
  TokenUsage usage;
  std::optional<Cost> cost;
  Tokens overrun;  // above the hold
};

// What a task says that it used of a model.
struct Report {
  ModelName model;  // empty where the task doesn't say
  TokenUsage usage;
};

// A pipeline none of whose tasks starts now.
struct PipelinePause {
  std::string pipeline;
  std::string cause;  // "the cap of 500000 tokens on pipeline \"nightly\" each day is reached"
  WallTime since;
  WallTime until;
  // The cap.
  Dimension dimension = Dimension::day;
  std::string name;
  bool operator==(const PipelinePause&) const = default;
};

}  // namespace host
