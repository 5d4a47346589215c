// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "control/admin_client.hpp"

namespace host::cli {

// The job with its attempts, once it has ended; nothing after some 45 s in which it did not. Throws
// Error{unavailable}, naming the job, where the host went away meanwhile.
[[nodiscard]] std::optional<Json> ended_job(const AdminClient& client, std::int64_t id);

}  // namespace host::cli
