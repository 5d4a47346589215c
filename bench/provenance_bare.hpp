// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace bench {

// Seconds that it takes to read a home of Hermes and to parse what in it is JSON, and no more: each
// row of the database's messages, with the calls and results that are JSON, and each snapshot, by
// nlohmann_json.
[[nodiscard]] double parse_seconds(const std::filesystem::path& home);

}  // namespace bench
