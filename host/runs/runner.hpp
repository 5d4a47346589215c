// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "runs/run.hpp"

namespace host::runs {

// A piece of what a run printed.
struct OutputPiece {
  std::string text;        // redacted; where something was left out, a line says so
  std::uint64_t next = 0;  // the offset to ask from next
  bool ended = false;      // nothing comes after `text`
};

// Starts programs in cages and says how they ended. Loop thread; what is called back is called on
// the loop, never from inside a call.
class Runner {
 public:
  struct Events {
    // It is under way, held by this. Not called when it ends as not_started.
    std::function<void(const InForce&)> started;
    // More has been printed, `total` bytes by now. It can be had by follow().
    std::function<void(std::uint64_t total)> output;
    // Exactly once, the last of them; unless the Runner is destroyed first. runs/<id>/ has the
    // whole output by then, and the ending.
    std::function<void(const RunEnding&)> ended;
  };

  virtual ~Runner() = default;

  // Starts a run. What is wrong with `spec`, and what fails, comes as not_started. A folder
  // runs/<id>/ is made; one that is there already is not_started, too. A run whose Runner is
  // destroyed is ended.
  virtual void start(RunSpec spec, Events events) = 0;

  // SIGTERM to all its processes, SIGKILL after the grace; again: SIGKILL at once. `why` becomes
  // the evidence. A run that is not here is ignored.
  virtual void cancel(const std::string& id, std::string why) = 0;

  // It is at work, whatever it prints: the meter saw an answer. Starts `stall` anew.
  virtual void alive(const std::string& id) = 0;

  // What it printed from `offset` on, up to 64 KiB. When nothing is there yet: after at most `wait`
  // whatever there is then. Also for runs that ended, in earlier lives of the host, too, as long
  // as their folder is kept: Error{not_found} when it is not.
  virtual void follow(const std::string& id, std::uint64_t offset, Duration wait,
                      Reply<OutputPiece> reply) = 0;

  // How many are under way.
  [[nodiscard]] virtual std::size_t running() const = 0;
};

}  // namespace host::runs
