// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with deadman.yaml, also by what stands elsewhere: the lanes of this host, and whose
// account it has at the forge.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/host_config.hpp"
#include "config/paths.hpp"
#include "deadman/settings.hpp"

namespace host {

struct DeadmanCheck {
  std::vector<Problem> errors;        // each with its place in the file
  std::vector<std::string> warnings;  // what can't be known here and now
};

// Why the watch's work would go nowhere when it is dead: what `dispatch` names and this host has
// not. A line each.
[[nodiscard]] std::vector<std::string> hand_over_shortcomings(const HostConfig& config,
                                                              const Paths& paths,
                                                              const deadman::Watch& watch);

// The login of the host's own account at the forge.
using OwnLogin = std::function<Result<std::string>()>;

// Nothing, where there is no deadman.yaml. `own_login` is called only where somebody's work is
// watched: what the host itself does at the forge, for all agents and plugins, would keep a watch
// of its own account alive for ever. Never throws for what stands in files.
[[nodiscard]] DeadmanCheck check_deadman(const HostConfig& config, const Paths& paths,
                                         const OwnLogin& own_login);

// Asks the forge, once, for ten seconds at most.
[[nodiscard]] Result<std::string> ask_own_login(const HostConfig& config);

}  // namespace host
