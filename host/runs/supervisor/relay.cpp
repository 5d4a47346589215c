// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/relay.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace host::runs::supervisor {
namespace {

constexpr std::size_t kMost = 32;
constexpr std::size_t kUnread = 64 * 1024;

// Begins to connect; the socket is writable once it has, or has failed.
Fd connect_to(const SocketAddress& address) {
  const bool six = address.ip.find(':') != std::string::npos;
  Fd socket(::socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int result = -1;
  if (six) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(address.port);
    ::inet_pton(AF_INET6, address.ip.c_str(), &to.sin6_addr);
    result = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.ip.c_str(), &to.sin_addr);
    result = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
  }
  if (result != 0 && errno != EINPROGRESS) socket.reset();
  return socket;
}

// What goes one way.
struct Way {
  std::string waiting;
  bool from_ended = false;  // the reading side has said all
  bool told = false;        // which the writing side knows

  [[nodiscard]] bool wants_more() const { return !from_ended && waiting.size() < kUnread; }
  [[nodiscard]] bool has_some() const { return !waiting.empty() || (from_ended && !told); }

  // False: the connection is broken.
  bool read(int from) {
    std::array<char, 16 * 1024> block;
    const auto got = ::recv(from, block.data(), block.size(), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) from_ended = true;
    waiting.append(block.data(), static_cast<std::size_t>(got));
    return true;
  }
  bool write(int to) {
    if (!waiting.empty()) {
      const auto sent = ::send(to, waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      waiting.erase(0, static_cast<std::size_t>(sent));
    }
    if (waiting.empty() && from_ended && !told) {
      told = true;
      ::shutdown(to, SHUT_WR);
    }
    return true;
  }
  [[nodiscard]] bool done() const { return from_ended && told; }
};

}  // namespace

class MeterRelay::Connection {
 public:
  Connection(Fd run, Fd meter) : run_(std::move(run)), meter_(std::move(meter)) {}

  [[nodiscard]] std::array<pollfd, 2> watched() const {
    return {entry(run_.get(), out_, in_), entry(meter_.get(), in_, out_)};
  }

  // False: it is over.
  bool handle(short run, short meter) {
    const bool lives = side(run, run_.get(), out_, in_) && side(meter, meter_.get(), in_, out_);
    return lives && !(out_.done() && in_.done());
  }

 private:
  // An end that nothing is wanted of is left out: that it hung up would be told without end.
  static pollfd entry(int fd, const Way& from, const Way& to) {
    const int events = (from.wants_more() ? POLLIN : 0) | (to.has_some() ? POLLOUT : 0);
    return {events == 0 ? -1 : fd, static_cast<short>(events), 0};
  }
  static bool side(short happened, int fd, Way& from, Way& to) {
    if ((happened & POLLERR) != 0) return false;
    if ((happened & (POLLIN | POLLHUP)) != 0 && from.wants_more() && !from.read(fd)) return false;
    return (happened & POLLOUT) == 0 || to.write(fd);
  }

  Fd run_;
  Fd meter_;
  Way out_;  // from the run to the meter
  Way in_;
};

MeterRelay::MeterRelay(Fd listener, SocketAddress meter)
    : listener_(std::move(listener)), meter_(std::move(meter)) {}

MeterRelay::~MeterRelay() = default;

void MeterRelay::watch(std::vector<pollfd>& watched) const {
  watched.push_back(
      {listener_.get(), static_cast<short>(connections_.size() < kMost ? POLLIN : 0), 0});
  for (const auto& connection : connections_)
    for (const auto& entry : connection->watched()) watched.push_back(entry);
}

void MeterRelay::handle(const std::vector<pollfd>& watched, std::size_t from) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const auto at = from + 1 + 2 * i;
    if (!connections_[i]->handle(watched[at].revents, watched[at + 1].revents))
      connections_[i].reset();
  }
  std::erase(connections_, nullptr);
  if (watched[from].revents != 0) accept_some();
}

void MeterRelay::accept_some() {
  while (connections_.size() < kMost) {
    Fd run(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!run) return;
    Fd meter = connect_to(meter_);
    // Refused at once: so is the run.
    if (meter)
      connections_.push_back(std::make_unique<Connection>(std::move(run), std::move(meter)));
  }
}

}  // namespace host::runs::supervisor
