// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace triage {

// Whether `glob`, in which * stands for any characters, covers the whole of `name`.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view name);

// Whether one of the globs does.
[[nodiscard]] bool any_matches(const std::vector<std::string>& globs, std::string_view name);

// Whether one of the globs covers a repository, "owner/name": in which letters of either case are
// the same, as for the forge.
[[nodiscard]] bool covers_repo(const std::vector<std::string>& globs, const std::string& repo);

}  // namespace triage
