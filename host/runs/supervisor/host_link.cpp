// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/host_link.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "base/error.hpp"

namespace host::runs::supervisor {
namespace {

constexpr std::size_t kFull = 4 * kOutputFrame;
constexpr int kPatienceMs = 10'000;

}  // namespace

HostLink::HostLink(Fd socket, RunFrameReader reader)
    : socket_(std::move(socket)), reader_(std::move(reader)) {}

bool HostLink::full() const { return !gone_ && out_.size() >= kFull; }

void HostLink::send(RunFrameType type, std::string_view body) {
  if (gone_) return;
  append_run_frame(out_, type, body);
  send_some();
}

void HostLink::send_some() {
  while (sending()) {
    const auto sent = ::send(socket_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0)
      gone_ = true;
    else
      out_.erase(0, static_cast<std::size_t>(sent));
  }
}

std::vector<HostLink::Said> HostLink::receive() {
  std::vector<Said> said;
  std::array<char, 16 * 1024> block;
  const auto got = ::recv(socket_.get(), block.data(), block.size(), MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) gone_ = true;
  try {
    if (got > 0) reader_.feed({block.data(), static_cast<std::size_t>(got)});
    while (const auto frame = reader_.next())
      said.push_back({frame->type, std::string(frame->body)});
  } catch (const Error&) {
    gone_ = true;
  }
  return said;
}

void HostLink::finish() {
  while (sending()) {
    pollfd writable{socket_.get(), POLLOUT, 0};
    if (::poll(&writable, 1, kPatienceMs) <= 0) return;
    send_some();
  }
}

}  // namespace host::runs::supervisor
