// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <timmy/services.hpp>
#include <vector>

#include "snapshot.hpp"

namespace triage {

enum class Holds {
  yes,
  no,
  unknown
};  // unknown: it hangs on a fact that was not, or can't be, had

// What conditions look at.
struct Look {
  const Snapshot& issue;
  const Facts& facts;
  timmy::Time now;
};

// One condition of a rule's `when`, compiled.
struct Condition {
  std::string key;     // "text"
  std::string wanted;  // what the config says, for people
  std::function<Holds(const Look&)> holds;
  // What there is where it looks, for people.
  std::function<std::string(const Look&)> value;
  // Adds the facts that it hangs on; empty: none.
  std::function<void(const Look&, Needs&)> needs;
};

// All that `when` states but `kind` and `older_than`, which are the rule's own; those that cost
// nothing first. Throws timmy::Permanent "bad_pattern" or "bad_duration" naming the rule, the
// condition and what is wrong with it.
[[nodiscard]] std::vector<Condition> conditions_of(const timmy::Json& when,
                                                   const std::string& rule);

// The duration that `when` states under `key`, or none.
[[nodiscard]] std::optional<std::chrono::seconds> duration_of(const timmy::Json& when,
                                                              const char* key,
                                                              const std::string& rule);

// How old an issue is, for people: "3d4h".
[[nodiscard]] std::string age_text(const Look& look);

}  // namespace triage
