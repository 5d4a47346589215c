// SPDX-License-Identifier: Apache-2.0
#include "base/stop_line.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <utility>

#include "base/error.hpp"

namespace host {

StopLine::StopLine() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw system_error("making an event to stop by");
}

StopLine::StopLine(std::shared_ptr<const StopLine> whole) : StopLine() {
  whole_ = std::move(whole);
  if (!whole_) return;
  either_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  for (const int each : {event_.get(), whole_->fd()}) {
    epoll_event watched{EPOLLIN, {}};
    if (!either_ || ::epoll_ctl(either_.get(), EPOLL_CTL_ADD, each, &watched) != 0)
      throw system_error("making an event to stop by");
  }
}

void StopLine::pull() noexcept { (void)::eventfd_write(event_.get(), 1); }

bool StopLine::pulled() const noexcept {
  pollfd watched{fd(), POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace host
