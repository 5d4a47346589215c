// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dispatch/verify.hpp"

namespace host::dispatch {

// Whether the work merges with the branch as the mirror last saw it at the forge. What git makes of
// it is thrown away. Holds the mirror's lock. Throws Error{not_found} when the branch is gone.
[[nodiscard]] Check check_merge(const workspaces::Mirror& mirror, const workspaces::ObjectId& head,
                                const std::string& base_branch);

}  // namespace host::dispatch
