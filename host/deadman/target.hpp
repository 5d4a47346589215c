// SPDX-License-Identifier: Apache-2.0
//
// What is done about one target that is watched: restart it, a bounded number of times with growing
// pauses, then hands off until a person clears it. Pure: looks go in, decisions come out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deadman/event.hpp"
#include "deadman/silence.hpp"
#include "deadman/telling.hpp"

namespace host::deadman {

// The most that `max_retries` may be: so many restarts are remembered.
inline constexpr int kMostRetries = 10;

// What holds for a target. All times are of CLOCK_MONOTONIC.
struct Rules {
  Duration after = std::chrono::minutes(10);  // without a sign it is dead
  bool restarts = false;                      // there is something to restart
  int max_retries = 3;                        // restarts in a window, and in a row without health
  Duration window = std::chrono::hours(1);
  Duration pause = std::chrono::minutes(10);  // after the first restart; doubled after each further
  Duration healthy_after = std::chrono::minutes(30);  // of signs that go on: it is well again
};

struct Happening {
  Event event;
  std::string text;
};

// A restart that was decided and not yet recorded as done.
struct Intent {
  WallTime at;  // for people
  bool operator==(const Intent&) const = default;
};

// What is kept of one target. How long ago something was is counted in time that was seen to pass,
// over all boots: so it is at least as long ago, and nothing is ever forgotten too early.
struct Target {
  std::string watch;                  // by which name it was watched last; may be empty
  std::optional<Duration> unwatched;  // for so long no watch names it; none while one does
  std::string watched;                // what its signs come from; see watch_another()
  Silence silence;
  std::optional<WallTime> last_sign;  // for people
  bool active = false;                // the flag: it is dead, or not yet proven well
  bool handed_off = false;            // nothing is restarted until a person clears it
  int tries = 0;                      // restarts since it was last well
  int failed = 0;                     // of these, what the service manager did not take
  std::vector<Duration> restarts;     // how long ago, newest last: the last kMostRetries
  bool beats = false;                 // it gave a sign since the last restart or death
  Duration well{};                    // for so long by now
  std::string trouble;                // why it can't be watched; "" when it can
  Duration troubled{};                // for so long by now
  bool trouble_told = false;          // a person was to be told
  Duration trouble_pause{};           // before which that is not told again
  std::optional<Intent> intent;
  Telling telling;
};

struct Decision {
  Sight sight;
  bool restart = false;               // then begin_restart(), which is kept before anything is done
  std::vector<Happening> happenings;  // to be recorded, in this order
};

// Takes a look in and decides. Never decides a restart beyond the rules, at a first look, of what
// shows life, or of what was never seen alive. What happened and concerns a person is in
// `target.telling`.
[[nodiscard]] Decision judge(Target& target, const Rules& rules, const Sign& sign,
                             const Moment& now);

// Counts the restart and starts the silence anew. The caller keeps the target before it acts.
// REQUIRES: judge() said so at this moment
void begin_restart(Target& target, WallTime at);

// Restarts so far within the window.
[[nodiscard]] int restarts_within(const Target& target, Duration window);

// How long after the last restart the next one may come.
[[nodiscard]] Duration pause_after(const Rules& rules, int tries);

// Its signs come from something else now: what was seen of the other says nothing. What was done
// counts on.
void watch_another(Target& target, std::string watched);

// Time passes for what was done and told, up to `now`, and none of it as silence: for a target that
// nobody looks at.
void pass_unlooked(Target& target, const Moment& now);

// A person's word: flag and hand-off go, what was counted is forgotten, and that is told as `text`
// instead of all that was open. What was seen is kept.
void clear(Target& target, std::string text);

// For a target whose past is lost: nothing can be said about how often it was restarted, so hands
// off, which is told as `text`.
[[nodiscard]] Target target_of_unknown_past(std::string text);

}  // namespace host::deadman
