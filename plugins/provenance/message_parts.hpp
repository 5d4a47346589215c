// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace provenance {

// The JSON of a content that Hermes stored as parts: what follows "\0json:", or "\1json:" since
// schema 30. Empty: it is a text.
[[nodiscard]] std::string_view parts_of(std::string_view content);

struct JoinedParts {
  std::string text;      // of the parts that are text, a line feed between two
  std::string left_out;  // that something in it was no text
  std::string trouble;   // why none of it could be read as parts
};

// `json`: a list of parts, or one part.
[[nodiscard]] JoinedParts join_parts(std::string_view json);

}  // namespace provenance
