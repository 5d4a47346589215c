// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <timmy/services.hpp>
#include <vector>

namespace triage {

// Whether `glob`, in which * stands for any characters, covers the whole of `name`.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view name);

// Whether one of the config's names stands for this repository.
[[nodiscard]] bool is_named(const std::vector<std::string>& names, std::string_view repo);

// The repositories that the config's names stand for, each once, sorted. A name with a * is looked
// up among its owner's: archived ones and those without issues are left out.
[[nodiscard]] std::set<std::string> expand(const timmy::Gitea& gitea,
                                           const std::vector<std::string>& names);

}  // namespace triage
