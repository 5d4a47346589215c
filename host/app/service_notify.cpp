// SPDX-License-Identifier: Apache-2.0
#include "app/service_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace host {
namespace {

// systemd's stop and start timeouts count from the last extension: three may be lost.
constexpr Duration kExtendEvery = std::chrono::seconds(10);
constexpr Duration kExtension = std::chrono::seconds(40);

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

std::int64_t to_number(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

ServiceNotify::ServiceNotify(Loop& loop) : loop_(&loop), address_(take_variable("NOTIFY_SOCKET")) {
  const auto period = to_number(take_variable("WATCHDOG_USEC"));
  const auto pid = take_variable("WATCHDOG_PID");
  if (period > 0 && (pid.empty() || to_number(pid) == ::getpid())) watchdog_ = Duration(period);
  if (address_.empty()) return;
  // A leading '@' stands for the NUL of the abstract namespace.
  if (address_.front() == '@') address_.front() = '\0';
  socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void ServiceNotify::starting(std::string_view status) {
  send("STATUS=" + std::string(status));
  extend();
}

void ServiceNotify::ready(std::string_view status) {
  next_extension_.cancel();
  send("READY=1\nSTATUS=" + std::string(status));
}

void ServiceNotify::reloading() {
  send("RELOADING=1\nMONOTONIC_USEC=" +
       std::to_string(loop_->clock().monotonic().time_since_epoch().count()));
}

void ServiceNotify::stopping(std::string_view status) {
  send("STOPPING=1\nSTATUS=" + std::string(status));
  extend();
}

void ServiceNotify::extend() {
  if (!socket_) return;
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(kExtension.count()));
  next_extension_ = loop_->after(kExtendEvery, [this] { extend(); });
}

void ServiceNotify::status(std::string_view status) { send("STATUS=" + std::string(status)); }

void ServiceNotify::start_watchdog() {
  if (watchdog_ && socket_) ping();
}

void ServiceNotify::ping() {
  send("WATCHDOG=1");
  next_ping_ = loop_->after(*watchdog_ / 2, [this] { ping(); });
}

void ServiceNotify::send(std::string_view message) {
  if (!socket_) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address_.size() > sizeof(to.sun_path)) return;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // Best effort, as sd_notify(3) itself: nobody to tell is no failure of ours.
  (void)::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), length);
}

}  // namespace host
