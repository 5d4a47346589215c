// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace host {

// Tells when the system clock was set, and when the machine woke from a suspend, without polling: a
// timerfd on CLOCK_REALTIME with TFD_TIMER_CANCEL_ON_SET (timerfd_create(2)) becomes readable then.
// Loop thread only.
class ClockWatch {
 public:
  // `changed` is called on the context's thread, never from inside this call. Throws
  // Error{io or unavailable} when the kernel gives no timer. The context outlives the watch.
  ClockWatch(boost::asio::io_context& context, std::function<void()> changed);
  // `changed` is not called any more.
  ~ClockWatch();
  ClockWatch(const ClockWatch&) = delete;
  ClockWatch& operator=(const ClockWatch&) = delete;

 private:
  class Watcher;
  std::shared_ptr<Watcher> watcher_;
};

}  // namespace host
