// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/loop.hpp"

namespace host {

// Tells the service manager how we are, by sd_notify(3)'s protocol: datagrams to $NOTIFY_SOCKET.
// Does nothing where there is none. Loop thread.
class ServiceNotify {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment and removes them, so
  // that no child speaks for us.
  explicit ServiceNotify(Loop& loop);

  // Still on the way up. Until ready() says otherwise the manager is asked for more time, every
  // ten seconds from the loop: checking a large database takes what it takes.
  void starting(std::string_view status);
  void ready(std::string_view status);     // READY=1
  void reloading();                        // RELOADING=1, ends with the next ready()
  void stopping(std::string_view status);  // STOPPING=1, with more time as for starting()
  void status(std::string_view status);

  // Pings the watchdog from the loop at half its period, so that a loop that hangs is found out.
  void start_watchdog();

 private:
  void send(std::string_view message);
  void ping();
  void extend();

  Loop* loop_;
  Fd socket_;
  std::string address_;
  std::optional<Duration> watchdog_;
  Timer next_ping_;
  Timer next_extension_;
};

}  // namespace host
