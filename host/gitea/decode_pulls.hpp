// SPDX-License-Identifier: Apache-2.0
//
// Pull requests and what belongs to them, from a forge's JSON; as decode.hpp. Private to gitea/.
#pragma once

#include "base/json.hpp"
#include "gitea/pull_types.hpp"

namespace host {

[[nodiscard]] PullRequest decode_pull(const Json& json);
[[nodiscard]] ChangedFile decode_file(const Json& json);
[[nodiscard]] Commit decode_commit(const Json& json);
[[nodiscard]] Review decode_review(const Json& json);
[[nodiscard]] CommitStatus decode_status(const Json& json);

}  // namespace host
