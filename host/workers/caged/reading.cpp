// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/reading.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"

namespace host::caged {
namespace {

using std::chrono::steady_clock;

// The exit status when the channel can be read no more.
constexpr int kUnservable = 71;

// In milliseconds, rounded up: a wait that ends too early is made again for nothing.
int poll_timeout(steady_clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

}  // namespace

Reading::Reading(int channel, Take take)
    : channel_(channel), take_(std::move(take)), ready_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!ready_) throw system_error("epoll_create1");
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (::epoll_ctl(ready_.get(), EPOLL_CTL_ADD, channel_, &event) != 0)
    throw system_error("epoll_ctl");
}

void Reading::stand_ready() {
  for (;;) {
    (void)wait(-1);
    const std::scoped_lock lock(turn_);
    // The task thread may have read it in the meantime.
    if (wait(0)) read();
  }
}

// Whether there is something to read. A plugin that has closed what is not its own can't be served
// any more.
bool Reading::wait(int timeout_ms) const {
  epoll_event event;
  const int count = ::epoll_wait(ready_.get(), &event, 1, timeout_ms);
  if (count < 0 && errno != EINTR) ::_exit(kUnservable);
  return count == 1;
}

void Reading::read_until(const Done& done) {
  const Turn turn(*this);
  while (!done()) read();
}

bool Reading::read_until(const Done& done, steady_clock::time_point until) {
  const Turn turn(*this);
  while (!done()) {
    pollfd channel{channel_, POLLIN, 0};
    if (::poll(&channel, 1, poll_timeout(until)) > 0) read();
    if (steady_clock::now() >= until) return done();
  }
  return true;
}

void Reading::read() {
  const ssize_t got = ::read(channel_, bytes_.data(), bytes_.size());
  if (got < 0 && errno == EINTR) return;
  if (got <= 0) ::_exit(0);
  try {
    take_({bytes_.data(), static_cast<std::size_t>(got)});
  } catch (...) {
    // What was read is lost, out of memory as a rule, and what follows makes no sense without it.
    ::_exit(kUnservable);
  }
}

void Reading::watch(bool on) {
  epoll_event event{.events = on ? std::uint32_t{EPOLLIN} : 0, .data = {}};
  if (::epoll_ctl(ready_.get(), EPOLL_CTL_MOD, channel_, &event) != 0) ::_exit(kUnservable);
}

Reading::Turn::Turn(Reading& reading) : reading_(reading), lock_(reading.turn_) {
  reading_.watch(false);
}

Reading::Turn::~Turn() { reading_.watch(true); }

}  // namespace host::caged
