// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace host::workspaces {

// What git (in the C locale) or the forge behind it printed, as one printable line of at most 600
// bytes.
[[nodiscard]] std::string one_line(std::string_view text);

// The Error for a git that ended with `status` and printed `errors` (one line):
//   denied       the forge doesn't know the token, or the token may not do this
//   not_found    there is no such repository, or the token may not see it
//   unavailable  the forge can't be reached, or broke off; or a disk is full
//   rate_limited the forge asked for a pause
//   corrupt      objects are damaged, here or there; nothing was taken in
//   unsupported  the repository's objects have SHA-256 names
//   io           whatever else
// `doing`: "fetching org/app".
[[nodiscard]] Error git_error(std::string_view doing, int status, const std::string& errors);

}  // namespace host::workspaces
