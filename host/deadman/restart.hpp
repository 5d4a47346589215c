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

// What is run for it. A unit: `systemctl restart`, no other verb. A command: `systemd-run`, as the
// unit timmy-deadman-NAME, so that a second one while the first runs is refused.
[[nodiscard]] Errand errand_of(const Restart& restart, const std::string& name);

// Whether systemctl takes the text for the name of one service, never for an option or a pattern.
[[nodiscard]] bool is_service_name(const std::string& text);

}  // namespace host::deadman
