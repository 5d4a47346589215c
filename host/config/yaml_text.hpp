// SPDX-License-Identifier: Apache-2.0
//
// Looks at a YAML file's bytes before and beside the parser, for what yaml-cpp would misread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.hpp"

namespace host {

// Something in the bytes that YAML does not allow.
struct BadBytes {
  Position position;
  std::string message;
};

// The first NUL, control character or byte sequence that is not UTF-8. yaml-cpp takes U+0004 for
// the end of the file and replaces bad UTF-8 in silence.
[[nodiscard]] std::optional<BadBytes> find_bad_bytes(std::string_view text);

// Every line (from 1) whose indentation holds a tab, with the tab's column; blank lines don't
// count.
[[nodiscard]] std::vector<Position> tabbed_lines(std::string_view text);

// Whether the quoted text that begins at `offset` (tags before it are passed over) goes on to the
// end of the file without a closing mark, which yaml-cpp 0.7 lets pass. False for block text.
[[nodiscard]] bool is_unclosed_quote(std::string_view text, std::size_t offset);

}  // namespace host
