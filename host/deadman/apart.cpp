// SPDX-License-Identifier: Apache-2.0
#include "deadman/apart.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

namespace host::deadman {
namespace {

// A kernel that can't is older than 5.9.
void close_all_but(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned first = 3;
  for (const int each : keep) {
    const auto kept = static_cast<unsigned>(each);
    if (kept < first) continue;
    if (kept > first) (void)::close_range(first, kept - 1, 0);
    first = kept + 1;
  }
  (void)::close_range(first, ~0U, 0);
}

}  // namespace

void start_apart(std::function<void()> work, std::vector<int> keep) {
  std::promise<void> left;
  const auto has_left = left.get_future();
  std::thread([work = std::move(work), keep = std::move(keep), left = std::move(left)]() mutable {
    const bool apart = ::unshare(CLONE_FILES) == 0;
    left.set_value();
    if (apart) close_all_but(std::move(keep));
    work();
  }).detach();
  has_left.wait();
}

}  // namespace host::deadman
