// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "authoring/trial.hpp"

namespace host {

// A plugin in this very process, on a thread of its own, without a cage: for a debugger, and for
// sanitizers. A crash ends the process; a run that ignores its timeout hangs it, as an author at a
// breakpoint wants. The file is loaded by its own path, so that a debugger finds its symbols, and
// stays loaded for good, with all that was handed to it: threads of the plugin may outlive this.
class InProcessTrial final : public Trial {
 public:
  // Loads the plugin and makes the instance; what goes wrong there is the outcome of the first run.
  // `rehearsals`: how often it is made and destroyed before that.
  InProcessTrial(const TrialGround& ground, const PluginEntry& plugin, int rehearsals = 0);
  ~InProcessTrial() override;
  TrialOutcome run(const TrialRun& run) override;
  std::string end() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
