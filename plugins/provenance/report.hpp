// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/job.hpp>

#include "settings.hpp"
#include "source.hpp"

namespace provenance {

// What came out, what did not and why, as the last run left it, with the `troubles` that it had;
// and how the policy stands now. Of the withdrawals the last 100. Writes nothing, and waits for no
// run that does.
[[nodiscard]] timmy::Json report(const Settings& settings,
                                 timmy::Json troubles = timmy::Json::array());

// Of one session: from which it came, what the policy says of each of them, and for each turn
// whether it makes a pair, or why not. None of its words. Writes nothing either. Throws Permanent
// "not_found".
[[nodiscard]] timmy::Json explain(const Settings& settings, SessionSource& source,
                                  const std::string& id);

}  // namespace provenance
