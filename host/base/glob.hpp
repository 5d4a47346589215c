// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace host {

// What stands for more than itself in a glob, besides '*'.
struct GlobForm {
  bool question_mark = true;     // '?' is any one byte; else it stands for itself
  std::optional<char> stops_at;  // no '*' goes over it: '/' between the parts of a path
};

// Whether `text` is of the form `glob`: '*' is any text, '?' any one byte, all else itself. Byte by
// byte: who asks brings both into one case first, where case does not matter.
[[nodiscard]] bool matches_glob(std::string_view glob, std::string_view text, GlobForm form = {});

}  // namespace host
