// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <timmy/job.hpp>

namespace heartbeat {

// Replaces folder/name.stamp with `content` as JSON and a line break. A reader sees the old stamp
// or the new one, never a part. It is on disk when this returns; after a power cut the name may
// still lead to the old one. The folder must exist; NAME.stamp.new in it is the writer's, so there
// is to be one writer at a time for a name. Throws timmy::Retryable "stamp_not_written" naming the
// path.
void write_stamp(const std::filesystem::path& folder, const std::string& name,
                 const timmy::Json& content);

}  // namespace heartbeat
