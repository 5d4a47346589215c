// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace host::deadman {

// What happened to a target, as records and alerts name it.
enum class Event {
  died,             // no sign for too long; the flag went up
  restarting,       // decided, and about to be done
  restarted,        // the service manager took it
  restart_failed,   // it did not
  restart_unknown,  // who was about to do it died; it counts as done
  handed_off,       // nothing more is done about it
  healthy,          // signs came for long enough; the flag went down
  unwatchable,      // what it leaves can't be believed, or not be seen, or never came
  watchable,        // it can again
  cleared,          // a person took flag and hand-off away
  alert_failed,     // nobody could be told
  state_lost,       // what was kept of it was damaged
  carried_over,     // its `restart` was changed, and what was known of it holds on
  forgotten,        // no watch names it any more, so what was known of it is gone
};
[[nodiscard]] std::string_view name(Event event) noexcept;
// Throws Error{invalid} for a name of none.
[[nodiscard]] Event event_named(std::string_view name);

}  // namespace host::deadman
