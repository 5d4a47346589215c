// SPDX-License-Identifier: Apache-2.0
//
// The limit that the queue is measured against: what SQLite itself needs for the same rows, with no
// threads, no processes and no policy around it.
#pragma once

#include <filesystem>

#include <vector>

#include "figure.hpp"

namespace bench {

// Jobs a second through insert, claim, attempt row and completion: the queue's schema, indexes,
// statements and pragmas (WAL, synchronous=FULL), a 100-byte payload, 200 jobs a transaction, three
// transactions a batch (inserted, claimed, completed), and the log written back at the size at
// which the store does it. Runs for about `time` on a new database in `folder`, which has none yet.
[[nodiscard]] double bare_loop(const std::filesystem::path& folder, Seconds time);

// The same of the inserts alone.
[[nodiscard]] double bare_inserts(const std::filesystem::path& folder, Seconds time);

// Microseconds of one fdatasync after appending a 4 KiB page, in `folder`; one value each.
[[nodiscard]] std::vector<double> fdatasync_times(const std::filesystem::path& folder, int count);

}  // namespace bench
