// SPDX-License-Identifier: Apache-2.0
//
// What is done about one target that is watched: restart it, a bounded number of times with growing
// pauses, then hands off until a person clears it. Pure: looks go in, decisions come out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deadman/silence.hpp"

namespace host::deadman {

// What holds for a target. All times are of CLOCK_MONOTONIC.
struct Rules {
  Duration after = std::chrono::minutes(10);  // without a sign it is dead
  bool restarts = false;                      // there is something to restart
  int max_retries = 3;                        // restarts in a window, and in a row without health
  Duration window = std::chrono::hours(1);
  Duration pause = std::chrono::minutes(2);  // after the first restart; doubled after each further
  Duration healthy_after = std::chrono::minutes(30);  // of signs that go on: it is well again
};

// What happened to a target, as records name it.
enum class Event {
  died,             // no sign for too long; the flag went up
  restarting,       // decided, and about to be done
  restarted,        // the service manager took it
  restart_failed,   // it did not
  restart_unknown,  // who was about to do it died; it counts as done
  handed_off,       // nothing more is done about it
  healthy,          // signs came for long enough; the flag went down
  unwatchable,      // what it leaves can't be believed, or not be seen
  watchable,        // it can again
  cleared,          // a person took flag and hand-off away
  alert_failed,     // nobody could be told
  state_lost,       // what was kept of it was damaged
};
[[nodiscard]] std::string_view name(Event event) noexcept;

struct Happening {
  Event event;
  std::string text;
};

// A restart that was decided and not yet recorded as done.
struct Intent {
  WallTime at;  // for people
  bool operator==(const Intent&) const = default;
};

// Somebody is to be told.
struct Alert {
  Event event;
  std::string text;
  int failures = 0;
};

// What is kept of one target.
struct Target {
  Silence silence;
  bool active = false;             // the flag: it is dead, or not yet proven well
  bool handed_off = false;         // nothing is restarted until a person clears it
  int tries = 0;                   // restarts since it was last well
  std::vector<Duration> restarts;  // of the last window, by the clock of the last look's boot
  bool beats = false;              // it gave a sign since the last restart or death
  Duration well{};                 // for so long by now
  std::string trouble;             // why it can't be watched; "" when it can
  std::optional<Intent> intent;
  std::optional<Alert> alert;
};

struct Decision {
  Sight sight;
  bool restart = false;               // then begin_restart(), which is kept before anything is done
  std::vector<Happening> happenings;  // to be recorded, in this order
};

// Takes a look in and decides. Never decides a restart beyond the rules, at a first look, of what
// shows life, or of what was never seen alive. What happened and concerns a person is in
// `target.alert`.
[[nodiscard]] Decision judge(Target& target, const Rules& rules, const Sign& sign,
                             const Moment& now);

// Counts the restart and starts the silence anew. The caller keeps the target before it acts.
// REQUIRES: judge() said so at `now`
void begin_restart(Target& target, const Moment& now, WallTime at);

// How long after the last restart the next one may come.
[[nodiscard]] Duration pause_after(const Rules& rules, int tries);

// A person's word: flag and hand-off go, what was counted is forgotten. What was seen is kept.
void clear(Target& target);

// For a target whose past is lost: nothing can be said about how often it was restarted, so hands
// off.
[[nodiscard]] Target target_of_unknown_past();

}  // namespace host::deadman
