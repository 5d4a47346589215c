// SPDX-License-Identifier: Apache-2.0
#include "deadman/turn.hpp"

#include <sys/stat.h>

#include "base/error.hpp"

namespace host::deadman {

StateFile take_turn(const std::filesystem::path& file, Duration limit,
                    const std::function<void(Duration)>& pause) {
  for (Duration waited{};; waited += kTurnStep) {
    try {
      return StateFile(file);
    } catch (const Error& error) {
      if (error.code() != Code::already_running || waited >= limit) throw;
    }
    pause(kTurnStep);
  }
}

bool was_kept_lately(const std::filesystem::path& file, WallTime now) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return false;
  const WallTime kept(std::chrono::seconds(info.st_mtim.tv_sec));
  return kept <= now && now - kept < kUnlookedAfter;
}

}  // namespace host::deadman
