// SPDX-License-Identifier: Apache-2.0
//
// What a path below /api/v1 is about. Private to gitea/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gitea/types.hpp"

namespace host {

// The repository that it names, if it names one.
[[nodiscard]] std::optional<RepoName> repo_in(std::string_view path);

// The object that the server has to have in order to answer: "/repos/org/app#5" for whatever is
// asked of an issue or pull request, with its files, comments and reviews; else the path without
// its query.
[[nodiscard]] std::string object_in(std::string_view path);

}  // namespace host
