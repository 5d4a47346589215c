// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "workspaces/git_name.hpp"

namespace host::workspaces {

// The refs of a repository that somebody else may have written: loose and packed, and "HEAD" as the
// commit that it comes to. Read without git, links not followed, within bounds.
struct CloneRefs {
  std::map<std::string, ObjectId> ids;  // "refs/heads/x" and "HEAD"; the latter only if it has one
};

// Throws Error{invalid} saying what is not as git leaves it, {too_large}, {io}.
[[nodiscard]] CloneRefs read_refs(const std::filesystem::path& git_dir);

}  // namespace host::workspaces
