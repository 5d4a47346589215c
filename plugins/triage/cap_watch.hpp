// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <timmy/plugin.hpp>

namespace triage {

// Lest a rule that is wrong writes on, as much as a run may, run after run: after three runs of a
// task in a row that the cap of writes ended, the task writes nothing until a person has looked at
// it. They say so by changing what its config says, or by a run with the payload {"go_on": true},
// which counts for as long as the config stays the same.
class CapWatch {
 public:
  // `config`: what the task does by, as a text that differs when that does.
  CapWatch(timmy::Context& ctx, std::string task, const std::string& config);

  // Somebody looked, and it is as it should be.
  void go_on();
  // Whether nothing is to be written. Asked of the state at the first time.
  [[nodiscard]] bool holds();
  // To be told at the end of a run that came to more than one event: whether the cap ended it, and
  // not only in a dry run.
  void ended(bool by_cap);
  // What to tell people, where it holds.
  [[nodiscard]] std::string why() const;

 private:
  [[nodiscard]] bool is_of_now() const;
  void keep(const timmy::Json& counted);

  timmy::Context& ctx_;
  std::string task_;
  std::string config_;
  std::optional<timmy::Json> counted_;  // nothing: not asked for yet
};

}  // namespace triage
