// SPDX-License-Identifier: Apache-2.0
//
// The invisible line by which a comment or a review of ours is found again. Private to gitea/.
#pragma once

#include <string>
#include <string_view>

namespace host {

// "<!-- timmy:KEY -->"; empty for an empty key. Throws Error{usage} when the key could end its own
// line: at most 200 letters, digits and ". _ : / # -", and no "--".
[[nodiscard]] std::string marker_line(std::string_view key);

// The text with the line at its end.
[[nodiscard]] std::string marked(std::string text, const std::string& line);

}  // namespace host
