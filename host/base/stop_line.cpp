// SPDX-License-Identifier: Apache-2.0
#include "base/stop_line.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include "base/error.hpp"

namespace host {

StopLine::StopLine() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw system_error("making an event to stop by");
}

void StopLine::pull() noexcept { (void)::eventfd_write(event_.get(), 1); }

bool StopLine::pulled() const noexcept {
  pollfd watched{event_.get(), POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace host
