// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"

namespace host::deadman {

// Ends this process, by SIGALRM, when it has not left the limit's scope in time. For what has no
// limit of its own: a directory of users that is away, a file system that hangs. What was kept is
// kept, and the next look is a new process. But for a thread in a wait that not even SIGKILL ends,
// as some file systems have (FUSE): until that is over the process stays, and what it had locked
// then stays locked. So whatever may hang is done before a lock is taken, or apart (start_apart()).
// Time in which the machine sleeps does not count. One at a time in a process.
class TimeLimit {
 public:
  explicit TimeLimit(Duration limit);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
};

}  // namespace host::deadman
