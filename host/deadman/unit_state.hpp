// SPDX-License-Identifier: Apache-2.0
//
// What the service manager says of the unit that is restarted: whether it knows it, how it runs,
// and whether it is at work on it.
#pragma once

#include <string>
#include <string_view>

#include "deadman/runner.hpp"
#include "deadman/settings.hpp"

namespace host::deadman {

struct UnitState {
  std::string load;    // "loaded", "not-found", "masked", ...
  std::string active;  // "active", "activating", "failed", ...
  std::string sub;     // "running", "auto-restart", ...
  std::string result;  // of its last run: "success", "start-limit-hit", ...
  int restarts = 0;    // by the manager itself, since somebody last asked for a start
  Duration changed{};  // when it came to be so, by CLOCK_MONOTONIC
};

// For people: "failed (start-limit-hit), started again by systemd 5 times".
[[nodiscard]] std::string to_text(const UnitState& state);

// The unit that a restart is about: its own, or the one that its command runs as.
[[nodiscard]] std::string unit_of(const Restart& restart, const std::string& name);

// Asks; blocks for seconds at worst. Throws Error{unavailable} when there is no answer, and
// {invalid} when it is of another form than expected.
[[nodiscard]] UnitState ask_for_unit(Restart::Manager manager, const std::string& unit,
                                     Runner& runner);
// What ask_for_unit() takes for an answer. Throws Error{invalid}.
[[nodiscard]] UnitState parse_unit_state(std::string_view output);

// What came of a restart, as far as it is known when this returns; throws nothing.
struct RestartOutcome {
  bool ok = false;   // of a unit: the manager took it; of a command: it ended well, or goes on
                     // still, or the manager took it and nobody waited
  std::string text;  // for people: "the restart failed: status 7: ..."
};
// Has it done, by errand_of(). Blocks for half a minute at worst.
[[nodiscard]] RestartOutcome run_restart(const Restart& restart, const std::string& name,
                                         Duration wait, Runner& runner);

// How the manager sees the unit of a watch now, for evidence: its name and to_text(), or why it
// can't be asked; "" without a restart. Throws nothing.
[[nodiscard]] std::string describe_unit(const Watch& watch, Runner& runner);

// Whether it is being started, stopped or reloaded because somebody asked for that. What systemd
// starts again by itself is not, or one that hangs in each start would be waited for without end;
// so a start lasts as long as its start limit lets it, and an hour at most.
[[nodiscard]] bool is_at_work_on(const UnitState& state, const Moment& now);

// The sign as it is to be judged: where a watch has been silent for half of its time, and its unit
// is being started, stopped or reloaded, that silence says nothing, and the sign becomes at_work;
// but for kLongestWork in all until a sign of life comes. Asks only then. `kept` is what was kept
// of it. Where nothing can be asked the sign stays as it is.
[[nodiscard]] Sign unless_at_work(Sign sign, const Watch& watch, const Silence& kept,
                                  const Moment& now, Runner& runner);

}  // namespace host::deadman
