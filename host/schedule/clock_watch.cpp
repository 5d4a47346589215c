// SPDX-License-Identifier: Apache-2.0
#include "schedule/clock_watch.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host {
namespace {

// Never due by itself: the year 2200.
constexpr time_t kNever = 7258118400;

Fd make_timer() {
  Fd timer(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer) throw system_error("making a timer on the system clock");
  return timer;
}

}  // namespace

class ClockWatch::Watcher : public std::enable_shared_from_this<Watcher> {
 public:
  Watcher(boost::asio::io_context& context, std::function<void()> changed)
      : timer_(context, make_timer().release()), changed_(std::move(changed)) {}

  void arm() {
    itimerspec never{};
    never.it_value.tv_sec = kNever;
    if (::timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
                          &never, nullptr) != 0)
      throw system_error("watching the system clock");
  }

  void wait() {
    timer_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](boost::system::error_code error) {
                        if (!error && self->changed_) self->readable();
                      });
  }

  void stop() {
    changed_ = nullptr;
    boost::system::error_code ignored;
    timer_.close(ignored);
  }

 private:
  void readable() {
    // ECANCELED is the news; it also disarms the cancellation, so the timer is set again before
    // anybody looks at the clock.
    std::uint64_t expirations = 0;
    const bool news =
        ::read(timer_.native_handle(), &expirations, sizeof expirations) >= 0 || errno == ECANCELED;
    arm();
    wait();
    if (news) changed_();
  }

  boost::asio::posix::stream_descriptor timer_;
  std::function<void()> changed_;
};

ClockWatch::ClockWatch(boost::asio::io_context& context, std::function<void()> changed)
    : watcher_(std::make_shared<Watcher>(context, std::move(changed))) {
  watcher_->arm();
  watcher_->wait();
}

ClockWatch::~ClockWatch() { watcher_->stop(); }

}  // namespace host
