// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "condition.hpp"
#include "record.hpp"
#include "rules.hpp"
#include "scopes.hpp"
#include "step.hpp"

namespace triage {

// What a rule asks for and does not get, since a person decided otherwise.
struct Held {
  std::string rule;
  std::string what;  // "label \"bug\""
  std::string why;
};

// What is to be done about one issue.
struct Outcome {
  std::vector<Step> steps;  // in the order in which they are carried out
  bool resumed = false;     // the first of them are what an earlier run did not get to
  std::vector<Held> held;
  std::vector<Clash> clashes;         // labels that would take the place of others
  std::vector<std::string> unjudged;  // rules that hang on facts that can't be had
  std::optional<timmy::Time> due;     // when another rule may match, with nobody doing anything
};

// From one snapshot, what is known beyond it, and our record of the issue: nothing else counts, and
// nothing is asked or changed. Conditions see the labels that the issue has in the snapshot: a rule
// that builds on another's label matches in the next round. Of a closed issue nothing comes.
[[nodiscard]] Outcome decide(const Rules& rules, const Look& look, const Record& kept);

}  // namespace triage
