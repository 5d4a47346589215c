// SPDX-License-Identifier: Apache-2.0
#include "base/loop.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace host {
namespace {

struct PendingTimer final : Timer::Pending {
  explicit PendingTimer(boost::asio::io_context& context) : timer(context) {}
  boost::asio::steady_timer timer;
  // Cancelling does not stop a handler that asio has already queued; this does.
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  ~PendingTimer() override { *alive = false; }
};

// Of what is due at once: no timer of the kernel's is set for it.
struct PendingPost final : Timer::Pending {
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  ~PendingPost() override { *alive = false; }
};

}  // namespace

AsioLoop::AsioLoop(boost::asio::io_context& context, const Clock& clock)
    : context_(&context), clock_(&clock) {}

void AsioLoop::post(std::function<void()> work) { boost::asio::post(*context_, std::move(work)); }

Timer AsioLoop::after(Duration delay, std::function<void()> work) {
  if (delay <= Duration::zero()) {
    auto pending = std::make_unique<PendingPost>();
    post([alive = pending->alive, work = std::move(work)] {
      if (*alive) work();
    });
    return Timer(std::move(pending));
  }
  auto pending = std::make_unique<PendingTimer>(*context_);
  pending->timer.expires_after(delay);
  pending->timer.async_wait(
      [alive = pending->alive, work = std::move(work)](const boost::system::error_code& failed) {
        if (!failed && *alive) work();
      });
  return Timer(std::move(pending));
}

}  // namespace host
