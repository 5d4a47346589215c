// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <timmy/services.hpp>
#include <vector>

#include "snapshot.hpp"
#include "step.hpp"

namespace triage {

// What we did to one issue, and what of it we have not finished: the only thing by which we tell
// our own doing from a person's. Each thing is done to an issue at most once. What we did and the
// issue no longer shows was undone by somebody, and stays undone.
//
// A step is written down before it is sent, together with the issue's version then. If the run
// ends before it is known what became of it, the next look decides:
//   the same version     nothing happened to the issue since: what it does not show of the step was
//                        not done, and is sent again
//   another version      somebody did something, maybe we: the step counts as done, and what the
//                        issue does not show of it as undone by a person
// So an end at any instant loses at most the one step under way, and only where somebody changed
// the issue in between; never is anything done again that a person undid.
struct Record {
  using Dated = std::map<std::string, std::string>;  // what, and when
  Dated added;                                       // labels
  Dated removed;                                     // labels
  Dated assigned;                                    // logins
  Dated priorities;                                  // labels
  Dated commented;                                   // rules
  std::string closed;

  std::vector<Step> plan;  // to be done yet, in order; kept without comments' texts
  std::string planned;     // when
  std::string rules;       // by which: their fingerprint
  // Of the issue when the first step of the plan was about to be sent; empty: it was not yet.
  std::string before;

  [[nodiscard]] bool empty() const;

  // Counts the first step of the plan as done, as far as it goes; now it may be sent.
  void begin(const Snapshot& issue, timmy::Time now);
  // It was done, or it is not known better.
  void finish();
  // This is surely all of it that was not done: it is the first now, not begun.
  void take_back(const Step& rest);

  // Throws timmy::Json::exception on what to_json() did not make.
  [[nodiscard]] static Record from(const timmy::Json& json);
  [[nodiscard]] timmy::Json to_json() const;
};

// What of a step the issue does not show yet; nothing if it shows all of it. Comments are not
// shown.
[[nodiscard]] std::optional<Step> rest_of(Step step, const Snapshot& issue);

// The record, once it is decided what became of a step under way: see above.
[[nodiscard]] Record settled(Record record, const Snapshot& issue);

// What of the plan of a settled record is to be done yet, seen from the issue as it is.
[[nodiscard]] std::vector<Step> rest_of_plan(const Record& record, const Snapshot& issue);

// Where a record is kept: "record/4711#12". `home`: see Homes.
[[nodiscard]] std::string record_key(const std::string& home, std::int64_t number);

}  // namespace triage
