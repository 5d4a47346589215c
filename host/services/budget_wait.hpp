// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "services/service.hpp"
#include "tokens/ledger.hpp"

namespace host {

// Notes in the run that its budget was refused, and until when, where waiting helps. `error` is the
// ledger's own.
inline void note_refusal(RunContext& run, const Ledger& ledger, const Error& error) {
  if (error.code() == Code::rate_limited)
    run.budget_renews = ledger.next_reset() + ledger.clock_shift();
}

}  // namespace host
