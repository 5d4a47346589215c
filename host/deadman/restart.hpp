// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deadman/runner.hpp"

namespace host::deadman {

// How a target is started anew: by systemd, so that what runs then is no child of ours and outlives
// us. Either a unit or a command.
struct Restart {
  enum class Manager { system, user };
  Manager manager = Manager::system;
  std::string unit;                  // "agent.service"
  std::vector<std::string> command;  // which restarts the target and ends
};

// For so long the end of a command is waited for, with the lock of the state in hand: less than
// another one-shot waits for that. Systemd gives it five minutes.
inline constexpr Duration kCommandWait = std::chrono::seconds(20);

// What is run for it. A unit: `systemctl restart`, no other verb, which ends when systemd has taken
// that. A command: `systemd-run`, as the unit timmy-deadman-NAME, so that a second one while the
// first runs is refused; it ends as the command does. What it is when that takes longer than
// kCommandWait, the unit goes on.
[[nodiscard]] Errand errand_of(const Restart& restart, const std::string& name);

// Whether systemctl takes the text for the name of one service, never for an option or a pattern.
[[nodiscard]] bool is_service_name(const std::string& text);

}  // namespace host::deadman
