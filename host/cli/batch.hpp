// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/command.hpp"

namespace host::cli {

// Enqueues a job for each line of a file ("-": standard input): a JSON object as POST /v1/jobs
// takes it, {"task": ..., "payload": {...}}. Empty lines are passed over. Sent in batches, each
// durable as a whole; the first wrong line ends it, and says how many jobs are in by then.
int enqueue_batch(Session& session, const std::string& file);

}  // namespace host::cli
