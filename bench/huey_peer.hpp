// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "figure.hpp"

namespace bench {

struct PeerRate {
  std::optional<double> rate;  // jobs/s; nothing when it could not be measured
  Seconds took{};
  std::string note;  // version and flags, or why not
};

// SqliteHuey with one worker thread on this machine, by bench/huey_peer.py in python3.
[[nodiscard]] PeerRate huey_rate(bool fsync);

}  // namespace bench
