// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <timmy/plugin.hpp>

namespace triage {

// Lest a rule that is wrong writes on, as much as a run may, run after run: after three runs of a
// task in a row that the cap of writes ended, the task writes nothing until a person has looked at
// it. They say so by changing what its config says, or by a run with the payload {"go_on": true},
// which counts for as long as the config stays the same, once that run has written something. Which
// run is a dry one can't be known before it writes: it is held as well, and if it is told to go on
// that says nothing of the next.
class CapWatch {
 public:
  // `config`: what the task does by, as a text that differs when that does. `payload`: the run's;
  // one of an event may be held, and counts for nothing.
  CapWatch(timmy::Context& ctx, std::string task, const std::string& config,
           const timmy::Json& payload = timmy::Json::object());

  // Whether nothing is to be written, as of when it is asked first.
  [[nodiscard]] bool holds();
  // To be told when something was written, and not only rehearsed: a run that writes nothing counts
  // for nothing.
  void wrote();
  // To be told when the cap refuses a write, at once: whatever becomes of the run, it counts.
  void met_cap();
  // To be told at the end of a run that has left nothing to do.
  void did_all();
  // What to tell people, where it holds.
  [[nodiscard]] std::string why() const;

 private:
  [[nodiscard]] const timmy::Json& counted();
  [[nodiscard]] bool is_of_now();
  [[nodiscard]] bool is_allowed();
  void keep(const timmy::Json& counted);

  timmy::Context& ctx_;
  std::string task_;
  std::string config_;
  bool go_on_, of_event_, wrote_ = false;
  std::optional<timmy::Json> counted_;  // nothing: not asked for yet
  std::optional<bool> holds_;           // likewise
};

}  // namespace triage
