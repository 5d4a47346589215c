// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <timmy/context.hpp>
#include <vector>

namespace budget {

// A folder whose files go when nobody has changed them for so long.
struct Cache {
  std::string folder;
  std::chrono::minutes older_than{};

  // Of {"folder", "older_than"}. Throws Permanent "bad_config".
  [[nodiscard]] static Cache from(const timmy::Json& config);
};

// What one run did, over all its caches, and what keeps it within bounds.
struct Sweep {
  std::int64_t removed = 0;
  std::int64_t bytes = 0;
  std::int64_t seen = 0;  // files and folders looked at
  bool left = false;      // there may be more: the next run goes on
  std::vector<std::string> problems;
};

// Removes expired files from the folder and from those in it. Only regular files go; folders stay.
// No symbolic link is followed, neither in the folder nor on the way to it, and nothing is looked
// at that is on another file system. At most 10,000 files are removed in a run, 200,000 looked at,
// and folders as deep as 16. What can't be removed is one of the problems. Throws Cancelled.
void remove_expired(const Cache& cache, const timmy::Context& ctx, Sweep& sweep);

}  // namespace budget
