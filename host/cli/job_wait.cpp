// SPDX-License-Identifier: Apache-2.0
#include "cli/job_wait.hpp"

#include "base/error.hpp"

namespace host::cli {

std::optional<Json> ended_job(const AdminClient& client, std::int64_t id) {
  const auto number = std::to_string(id);
  try {
    // The host answers at its end, or after its own limit.
    Json job = client.get("/v1/jobs/" + number + "?wait=45", std::chrono::seconds(60));
    if (job["ended_at"].is_null()) return std::nullopt;
    return job;
  } catch (const Error& error) {
    if (error.code() != Code::unavailable) throw;
    throw Error(error.code(), "job " + number + " is kept, but " + error.message(),
                "When the host runs again: timmy-host jobs show " + number);
  }
}

}  // namespace host::cli
