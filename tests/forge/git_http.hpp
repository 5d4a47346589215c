// SPDX-License-Identifier: Apache-2.0
//
// git over HTTP, as the forge has it beside its API: what is pushed is what the API then tells.
#pragma once

#include <filesystem>
#include <string>

#include "forge/state.hpp"
#include "http/server.hpp"
#include "workspaces/git_http_backend.hpp"

namespace host::forge {

using workspaces::git;

// "/owner/name.git/...".
[[nodiscard]] bool is_git_path(const ServerRequest& request);

// By `git http-backend`, for the token of anybody who may write the repository. `root` holds the
// bare repositories: owner/name.git. Blocks while git works.
[[nodiscard]] ServerResponse answer_git(ForgeState& state, const std::filesystem::path& root,
                                        const ServerRequest& request);

// Makes the branches and commits of a repository those of its bare one. Files count by the names of
// their blobs.
void take_branches(ForgeState& state, const std::filesystem::path& root,
                   const std::string& full_name);

}  // namespace host::forge
