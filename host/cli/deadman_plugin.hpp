// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "deadman/settings.hpp"

namespace host::cli {

// What in host.yaml keeps the plugin deadman from looking at `watch`, or from having it restarted:
// a line each, with what mends it. That host.yaml can't be read is one as well.
[[nodiscard]] std::vector<std::string> plugin_shortcomings(const Session& session,
                                                           const deadman::Watch& watch);

// What keeps a running host from having the work of `watch` go on in another lane: a line each.
[[nodiscard]] std::vector<std::string> dispatch_shortcomings(const Session& session,
                                                             const deadman::Watch& watch);

}  // namespace host::cli
