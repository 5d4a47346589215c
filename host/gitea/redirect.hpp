// SPDX-License-Identifier: Apache-2.0
//
// Where a server sends a request on to: what it does with the old name of a repository or its
// owner. Private to gitea/.
#pragma once

#include <optional>
#include <string>

#include "gitea/server_url.hpp"

namespace host {

[[nodiscard]] bool is_redirect(int status);

// Where on the same server a redirect points, after /api/v1; nullopt when it leaves the API, and so
// where the token may not go.
[[nodiscard]] std::optional<std::string> redirected_path(const ServerUrl& server,
                                                         std::string location);

}  // namespace host
