// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"

namespace host::deadman {

// Ends this process, by SIGALRM, when it has not left the limit's scope in time. For what has no
// limit of its own: a directory of users that is away, a file system that hangs. What was kept is
// kept, and the next look is a new process. Time in which the machine sleeps does not count. One at
// a time in a process.
class TimeLimit {
 public:
  explicit TimeLimit(Duration limit);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
};

}  // namespace host::deadman
