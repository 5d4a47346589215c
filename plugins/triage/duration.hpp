// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace triage {

// "90m", "36h", "1d12h": numbers with their units, s, m, h or d. Nothing if it is none, or more
// than a hundred years.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);

// The same for people, in its largest unit and the next: "1d12h"; "0s" for less than a second.
[[nodiscard]] std::string duration_text(std::chrono::seconds duration);

}  // namespace triage
