// SPDX-License-Identifier: Apache-2.0
//
// Pieces of the comments that tasks write.
#pragma once

#include <string>
#include <timmy/services.hpp>

namespace triage {

// "2026-01-05 12:00 UTC", for people.
[[nodiscard]] std::string minute_text(timmy::Time time);

// A text of somebody's as a piece of code in ours: on one line, cut where it is long, and without
// what would end the piece or begin markup.
[[nodiscard]] std::string quoted(const std::string& text);

}  // namespace triage
