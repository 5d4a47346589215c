// SPDX-License-Identifier: Apache-2.0
//
// One look at everything that is watched, and what is to be done about it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "deadman/runner.hpp"
#include "deadman/settings.hpp"
#include "deadman/state.hpp"

namespace host::deadman {

// What a round sees and does it with.
struct Outside {
  const Clock& clock;
  std::string boot;       // this_boot()
  std::string host_name;  // for alerts: whose target it is
  Runner& runner;
  std::function<Sign(const Watch&)> look;  // what it throws is why nothing can be seen
  // Puts the state onto the disk before it returns, or throws.
  std::function<void(const State&)> keep;
  // How systemd sees the unit of a watch that is restarted, for the evidence of a death, a restart
  // and a hand-off. May be left out; throws nothing.
  std::function<std::string(const Watch&)> unit_state = {};
};

// What a look may wait for, all watches together: one `alert` or `command` that hangs must not hold
// up what comes after it.
struct Patience {
  // By all alerts. What finds too little left waits for the next look.
  Duration left = std::chrono::seconds(30);
  // For the ends of all commands. What finds too little left is run all the same, and its end not
  // waited for.
  Duration commands = kCommandWait;
};

// Whoever calls run() holds the state alone meanwhile (StateFile). Blocking.
class Round {
 public:
  // The references outlive it.
  Round(const Settings& settings, State& state, Outside outside)
      : settings_(settings), state_(state), outside_(std::move(outside)) {}

  // Looks once, at the host first. Each restart is kept as an intent before it is begun, and counts
  // from then on, so that whoever dies in between restarts nothing twice. With Settings::dry_run
  // everything is judged and recorded so, and nothing is run. Returns what was recorded. Throws
  // what `keep` throws, with nothing done since the last keep; Error{unsupported} without a name
  // for the boot.
  std::vector<Record> run();
  // With what earlier rounds of the same look have left of it.
  std::vector<Record> run(Patience& patience);

 private:
  void look_at(const Watch& watch, Patience& patience);
  void note_open_intent(const Watch& watch, Target& target);
  [[nodiscard]] Sign sign_of(const Watch& watch) const;
  void restart(const Watch& watch, Target& target, Json evidence, Patience& patience);
  void tell(const Watch& watch, Telling& telling, Patience& patience);
  [[nodiscard]] Ending run_alert(const Watch& watch, const Alert& alert, Duration limit) const;
  void record(const Watch& watch, Event event, std::string text, Json evidence = Json::object());
  [[nodiscard]] Json evidence_of(const Watch& watch, const Sign& sign, const Moment& now) const;

  const Settings& settings_;
  State& state_;
  Outside outside_;
  std::vector<Record> recorded_;
};

}  // namespace host::deadman
