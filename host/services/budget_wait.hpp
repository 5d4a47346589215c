// SPDX-License-Identifier: Apache-2.0
//
// Jobs that wait for their budget: a cap refused what they asked for, and begins anew. They wait
// until then, or until the budget is another one.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "services/service.hpp"
#include "tokens/ledger.hpp"

namespace host {

class Queue;
class Unit;

// Notes in the run that its budget was refused, by which caps, and until when, where waiting helps.
// `error` is the ledger's own.
void note_refusal(RunContext& run, const Ledger& ledger, const Error& error);

// A job waits since this run was refused by that budget (Ledger::budget_mark). In the transaction
// of the run's end; store thread. What waited until before `now` is forgotten by and by.
void note_budget_wait(Unit& unit, RunId run, const std::string& budget, WallTime until,
                      WallTime now);

// Brings such jobs forward. Loop thread; what it is given outlives it.
class BudgetWaits {
 public:
  BudgetWaits(Queue& queue, Log log) : queue_(queue), log_(std::move(log)) {}

  // All that wait by now, since a budget other than this one, are available at once; empty: all. A
  // few hundred in a transaction. Jobs that wait for anything else stay as they are.
  void end_all_but(std::string budget);

 private:
  struct Ending;
  void end_next(const std::shared_ptr<Ending>& ending);

  Queue& queue_;
  Log log_;
};

}  // namespace host
