// SPDX-License-Identifier: Apache-2.0
//
// The host's one event loop, as the rest of the house sees it. All state of the host belongs to the
// thread that runs it. Sockets and processes use the io_context underneath; everything else only
// needs to be called later, and takes this interface, whose twin moves time by hand.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.hpp"

namespace boost::asio {
class io_context;
}

namespace host {

// A call that is still to come. Destroying or resetting it cancels the call.
class Timer {
 public:
  struct Pending {
    virtual ~Pending() = default;
  };
  Timer() = default;
  explicit Timer(std::unique_ptr<Pending> pending) : pending_(std::move(pending)) {}
  // Whether the call was armed and has not been cancelled. A call that was made still counts.
  explicit operator bool() const noexcept { return pending_ != nullptr; }
  void cancel() noexcept { pending_.reset(); }

 private:
  std::unique_ptr<Pending> pending_;
};

class Loop {
 public:
  virtual ~Loop() = default;

  // Runs `work` on the loop, after what is running now. Any thread.
  virtual void post(std::function<void()> work) = 0;

  // Runs `work` on the loop once `delay` of CLOCK_MONOTONIC has passed; not positive: as soon as
  // possible, yet never from inside this call. Loop thread. `work` may destroy the Timer.
  [[nodiscard]] virtual Timer after(Duration delay, std::function<void()> work) = 0;

  [[nodiscard]] virtual const Clock& clock() const = 0;
};

// The real one.
class AsioLoop final : public Loop {
 public:
  // Neither is owned; both outlive the loop and every Timer.
  AsioLoop(boost::asio::io_context& context, const Clock& clock);
  void post(std::function<void()> work) override;
  [[nodiscard]] Timer after(Duration delay, std::function<void()> work) override;
  [[nodiscard]] const Clock& clock() const override { return *clock_; }
  [[nodiscard]] boost::asio::io_context& context() { return *context_; }

 private:
  boost::asio::io_context* context_;
  const Clock* clock_;
};

}  // namespace host
