// SPDX-License-Identifier: Apache-2.0
//
// Jobs that wait for their budget: a cap refused what they asked for, and begins anew. They wait
// until then, or until the budget is another one. The one rule: a wait that was noted under an
// older generation than that in the store is over. A change looks for such waits once it is
// committed, an end that comes later looks again, and so does a host that starts: none is missed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "services/service.hpp"
#include "tokens/ledger.hpp"

namespace host {

class Queue;
class Unit;

// Taken before a run asks for tokens: a budget that comes while the answer is on its way did not
// refuse it.
[[nodiscard]] BudgetMoment moment_of(const Ledger& ledger);

// Notes in the run that its budget refused what it asked for at this moment, where waiting helps:
// until it begins anew, or until others have ended. `error` is the ledger's own.
void note_refusal(RunContext& run, const BudgetMoment& asked, const Error& error);

// Loop thread; what it is given outlives it.
class BudgetWaits {
 public:
  BudgetWaits(Queue& queue, Loop& loop, Log log)
      : queue_(queue), loop_(loop), log_(std::move(log)) {}

  // Notes that the run's job waits so long from now, since it was refused in that generation. Made
  // on the loop, called on the store thread, in the transaction of the run's end. Notes of waits
  // that have passed go by and by.
  [[nodiscard]] std::function<void(Unit&)> noting(RunId run, std::int64_t generation,
                                                  Duration wait);

  // Jobs whose waits are over are available at once, some hundreds in a transaction; those that
  // wait for anything else stay as they are. Tried again for as long as the store can't write.
  void end_outdated();

 private:
  struct Step;
  void look(std::int64_t after);
  void looked(std::int64_t after, const Step& step, const Status& done);

  Queue& queue_;
  Loop& loop_;
  Log log_;
  bool looking_ = false;
  bool once_more_ = false;  // from the start, when this look is through
  Timer again_;             // for a look that failed
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace host
