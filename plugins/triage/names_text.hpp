// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "names.hpp"

namespace triage {

// At most `most` bytes of a text, cut between characters and marked with "...".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most = 100);

// A text in quotes on one line, at most 60 bytes of it; quotes and line ends in it are escaped.
[[nodiscard]] std::string in_quotes(std::string_view text);

// "a, b and 12 more"; `none` for an empty list.
[[nodiscard]] std::string listed(const Names& names, const std::string& none = "none");

}  // namespace triage
