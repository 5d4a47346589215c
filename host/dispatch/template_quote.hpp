// SPDX-License-Identifier: Apache-2.0
//
// How what people and agents wrote goes into a text of the host's: as a quotation that no value can
// end, whatever it holds.
//
//   prompt  a line in double quotes, with \" and \\ for these two; of several lines each behind
//           "> "
//   title   plain, as one line; "#", "!" and "GH-" before a digit and "://" get a space behind
//           them, since the forge closes what "closes #7" or "closes https://.../issues/7" in the
//           title of a merged pull request names
//   body    a line as a code span, several lines as a fenced code block, both between more
//           backticks than stand together anywhere in the value: no mention, reference or markup in
//           it counts
//
// Before that a value is made plain: bytes that are not UTF-8 become U+FFFD, every line break (also
// U+0085, U+2028, U+2029) is a line feed, and what can't be seen (control characters, those that
// turn the direction of writing, tags, zero-width spaces) goes. What is longer than the cap is cut,
// and says so.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dispatch/template.hpp"

namespace host::dispatch {

inline constexpr std::size_t kQuotedLine = 256;        // bytes of a line
inline constexpr std::size_t kQuotedText = 16 * 1024;  // bytes of several lines

// A value made plain, as above.
[[nodiscard]] std::string plain_text(std::string_view value);

[[nodiscard]] std::string quote_line(std::string_view value, TemplatePlace place);
// Several lines without a line feed at the end.
[[nodiscard]] std::string quote_text(std::string_view value, TemplatePlace place);

}  // namespace host::dispatch
