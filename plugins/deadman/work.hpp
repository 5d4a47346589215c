// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <timmy/context.hpp>

namespace deadman {

// What is seen of a watch's work at the forge: its user's comments, reviews, issues and pull
// requests, and pushes to the latter. What was seen last is kept in the plugin's state
// ("work/NAME"), so each look reads only what changed since, by the forge's own clock.
//
// A forge that can't be asked says nothing about the user. For some looks in a row there is then no
// sign at all (nullopt: don't look), since a forge that restarts is nobody's alarm; after these,
// and at once where it refuses for good, the sign is untrusted. Throws only Cancelled, and what
// state/1 throws.
[[nodiscard]] std::optional<timmy::Sign> look_at_work(const timmy::Context& ctx,
                                                      const timmy::Watch& watch);

}  // namespace deadman
