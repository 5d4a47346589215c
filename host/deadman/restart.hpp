// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deadman/runner.hpp"

namespace host::deadman {

// How a target is started anew: by systemd, so that what runs then is no child of ours and outlives
// us. Either a unit or a command.
struct Restart {
  using Manager = deadman::Manager;
  Manager manager = Manager::system;
  std::string unit;                  // "agent.service"
  std::vector<std::string> command;  // which restarts the target and ends
};

// For so long the ends of commands are waited for, of all of a look together, with the lock of the
// state in hand: less than another one-shot waits for that. Systemd gives each five minutes.
inline constexpr Duration kCommandWait = std::chrono::seconds(20);

// For how long of `left` the end of that command is to be waited for: none where the command would
// fail for that, as there is no message bus over which it is told, or where little is left. In
// whole seconds.
[[nodiscard]] Duration wait_for(const Restart& restart, Duration left, const Runner& runner);

// What is run for it. A unit: `systemctl restart`, no other verb, which ends when systemd has taken
// that. A command: `systemd-run`, as the unit timmy-deadman-NAME, so that a second one while the
// first runs is refused; it ends as the command does. When that takes longer than `wait`, the unit
// goes on. With no `wait` it ends when systemd has taken the command.
[[nodiscard]] Errand errand_of(const Restart& restart, const std::string& name, Duration wait);

// Whether systemctl takes the text for the name of one service, never for an option or a pattern.
[[nodiscard]] bool is_service_name(const std::string& text);

}  // namespace host::deadman
